-- The source of this migration: the log of every call that the loan application makes to another service.
-- Safe to run again: what is there already stays as it is.

SET client_min_messages = warning;

CREATE SCHEMA IF NOT EXISTS dbo;

CREATE TABLE IF NOT EXISTS dbo."IntegrationLogs" (
    "LogId"            bigint       NOT NULL,
    "ApplicationId"    integer,
    "LogType"          varchar(50)  NOT NULL,
    "ServiceName"      varchar(100) NOT NULL,
    "RequestData"      text,
    "ResponseData"     text,
    "StatusCode"       varchar(10),
    "IsSuccess"        boolean      NOT NULL,
    "ErrorMessage"     varchar(1000),
    "ProcessingTimeMs" integer,
    "LogTimestamp"     timestamp    NOT NULL,
    "CorrelationId"    varchar(50),
    "UserId"           varchar(100),
    CONSTRAINT "PK_IntegrationLogs" PRIMARY KEY ("LogId"),
    CONSTRAINT "CK_IntegrationLogs_LogType" CHECK ("LogType" IN ('Credit Check', 'Payment Processing',
        'Document Upload', 'Email Notification', 'SMS Notification', 'External API'))
);

CREATE INDEX IF NOT EXISTS "IX_IntegrationLogs_ServiceName_LogTimestamp"
    ON dbo."IntegrationLogs" ("ServiceName", "LogTimestamp");
CREATE INDEX IF NOT EXISTS "IX_IntegrationLogs_ApplicationId_LogTimestamp"
    ON dbo."IntegrationLogs" ("ApplicationId", "LogTimestamp" DESC) WHERE "ApplicationId" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "IX_IntegrationLogs_CorrelationId"
    ON dbo."IntegrationLogs" ("CorrelationId") WHERE "CorrelationId" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "IX_IntegrationLogs_Failures"
    ON dbo."IntegrationLogs" ("LogTimestamp") WHERE NOT "IsSuccess";
