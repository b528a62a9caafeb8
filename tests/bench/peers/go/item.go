package main

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const query = `SELECT "LogId", "ApplicationId", "LogType", "ServiceName", "RequestData", "ResponseData", "StatusCode", "IsSuccess",
	"ErrorMessage", "ProcessingTimeMs", "LogTimestamp", "CorrelationId", "UserId"
	FROM dbo."IntegrationLogs" WHERE "LogId" > $1 AND "LogId" <= $2 ORDER BY "LogId"`

const retention = 365 * 24 * time.Hour

// A row; nil is NULL.
type log struct {
	logID                                                                    int64
	applicationID, processingTimeMs                                          *int32
	logType, serviceName                                                     string
	requestData, responseData, statusCode, errorMessage, user, correlationID *string
	isSuccess                                                                bool
	logTimestamp                                                             time.Time
}

// Where the query's columns go.
func (l *log) fields() []any {
	return []any{&l.logID, &l.applicationID, &l.logType, &l.serviceName, &l.requestData, &l.responseData, &l.statusCode,
		&l.isSuccess, &l.errorMessage, &l.processingTimeMs, &l.logTimestamp, &l.correlationID, &l.user}
}

type attributes map[string]types.AttributeValue

func (a attributes) text(name, value string) {
	a[name] = &types.AttributeValueMemberS{Value: value}
}

func (a attributes) number(name string, value int64) {
	a[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(value, 10)}
}

func (a attributes) textOrNot(name string, value *string) {
	if value != nil {
		a.text(name, *value)
	}
}

func (a attributes) numberOrNot(name string, value *int32) {
	if value != nil {
		a.number(name, int64(*value))
	}
}

// The row as an item: NULL columns are left out, and so is an index whose column is NULL.
func (l *log) item() attributes {
	a := make(attributes, 22)
	day := l.logTimestamp.Format("2006-01-02")
	at := l.logTimestamp.Format("2006-01-02T15:04:05.000Z") + "#" + strconv.FormatInt(l.logID, 10)
	a.text("PK", l.serviceName+"-"+day)
	a.text("SK", at)
	if l.applicationID != nil {
		a.text("GSI1PK", "APP#"+strconv.Itoa(int(*l.applicationID)))
		a.text("GSI1SK", at)
	}
	if l.correlationID != nil {
		a.text("GSI2PK", "CORR#"+*l.correlationID)
		a.text("GSI2SK", at)
	}
	a.text("GSI3PK", "ERROR#"+strconv.FormatBool(l.isSuccess)+"#"+day)
	a.text("GSI3SK", at)
	a.number("LogId", l.logID)
	a.numberOrNot("ApplicationId", l.applicationID)
	a.text("LogType", l.logType)
	a.text("ServiceName", l.serviceName)
	a.textOrNot("RequestData", l.requestData)
	a.textOrNot("ResponseData", l.responseData)
	a.textOrNot("StatusCode", l.statusCode)
	a["IsSuccess"] = &types.AttributeValueMemberBOOL{Value: l.isSuccess}
	a.textOrNot("ErrorMessage", l.errorMessage)
	a.numberOrNot("ProcessingTimeMs", l.processingTimeMs)
	a.text("LogTimestamp", l.logTimestamp.Format("2006-01-02T15:04:05.000000"))
	a.textOrNot("CorrelationId", l.correlationID)
	a.textOrNot("UserId", l.user)
	a.number("TTL", l.logTimestamp.Add(retention).Unix())
	return a
}
