// A migration of the integration logs as a good user of the AWS SDK for Go v2 and pgx writes it: go-peer ROWS | --version.
//
// Two readers, each with its half of the keys, stream rows and make batches of 25; 32 writers send them on kept connections, and
// send again what came back unprocessed. The mapping (item.go) is that of migrations/integration-logs. The source is HLUA_SOURCE,
// the target the AWS environment's.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/jackc/pgx/v5"
)

const (
	readers   = 2
	writers   = 32
	batchSize = 25
	pauseMax  = 2 * time.Second
)

// Streams the rows whose key is above low and up to high, as batches.
func read(ctx context.Context, low, high int64, batches chan<- []types.WriteRequest) error {
	connection, err := pgx.Connect(ctx, os.Getenv("HLUA_SOURCE"))
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	rows, err := connection.Query(ctx, query, low, high)
	if err != nil {
		return err
	}
	defer rows.Close()
	send := func(batch []types.WriteRequest) error {
		select {
		case batches <- batch:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var row log
	fields := row.fields()
	batch := make([]types.WriteRequest, 0, batchSize)
	for rows.Next() {
		if err := rows.Scan(fields...); err != nil {
			return err
		}
		batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: row.item()}})
		if len(batch) == batchSize {
			if err := send(batch); err != nil {
				return err
			}
			batch = make([]types.WriteRequest, 0, batchSize)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(batch) > 0 {
		return send(batch)
	}
	return nil
}

// Writes batches until there are no more.
func write(ctx context.Context, client *dynamodb.Client, table string, batches <-chan []types.WriteRequest) error {
	for batch := range batches {
		pause := 50 * time.Millisecond
		for len(batch) > 0 {
			out, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
				RequestItems: map[string][]types.WriteRequest{table: batch}})
			if err != nil {
				return err
			}
			batch = out.UnprocessedItems[table]
			if len(batch) > 0 {
				time.Sleep(pause)
				pause = min(2*pause, pauseMax)
			}
		}
	}
	return nil
}

func move(total int64) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// Without this the transport keeps ten idle connections, and the other writers connect again and again.
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 2*writers, 2*writers
	})
	settings, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(transport))
	if err != nil {
		return err
	}
	client := dynamodb.NewFromConfig(settings)
	environment := os.Getenv("ENVIRONMENT")
	if environment == "" {
		environment = "dev"
	}
	table := "LoanApp-IntegrationLogs-" + environment

	var once sync.Once
	var failure error
	fail := func(err error) {
		if err != nil {
			once.Do(func() { failure = err; cancel() })
		}
	}
	batches := make(chan []types.WriteRequest, 2*writers)
	var reading, writing sync.WaitGroup
	for n := int64(0); n < readers; n++ {
		reading.Go(func() { fail(read(ctx, total*n/readers, total*(n+1)/readers, batches)) })
	}
	for range writers {
		writing.Go(func() { fail(write(ctx, client, table, batches)) })
	}
	reading.Wait()
	close(batches)
	writing.Wait()
	return failure
}

func printVersions() {
	fmt.Println("Go", strings.TrimPrefix(runtime.Version(), "go"))
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		switch module.Path {
		case "github.com/aws/aws-sdk-go-v2":
			fmt.Println("aws-sdk-go-v2", strings.TrimPrefix(module.Version, "v"))
		case "github.com/jackc/pgx/v5":
			fmt.Println("pgx", strings.TrimPrefix(module.Version, "v"))
		}
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: go-peer ROWS | --version")
	}
	if os.Args[1] == "--version" {
		printVersions()
		return nil
	}
	total, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err != nil {
		return err
	}
	return move(total)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go-peer:", err)
		os.Exit(1)
	}
}
