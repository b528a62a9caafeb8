-- The source of this migration: the payments of loans, and of the loans and applications what leads to the customer.
-- Safe to run again: what is there already stays as it is.

SET client_min_messages = warning;

CREATE SCHEMA IF NOT EXISTS dbo;

CREATE TABLE IF NOT EXISTS dbo."Applications" (
    "ApplicationId" integer NOT NULL,
    "CustomerId"    integer NOT NULL,
    CONSTRAINT "PK_Applications" PRIMARY KEY ("ApplicationId")
);

CREATE TABLE IF NOT EXISTS dbo."Loans" (
    "LoanId"        integer NOT NULL,
    "ApplicationId" integer NOT NULL,
    CONSTRAINT "PK_Loans" PRIMARY KEY ("LoanId"),
    CONSTRAINT "FK_Loans_Applications" FOREIGN KEY ("ApplicationId") REFERENCES dbo."Applications"
);

CREATE TABLE IF NOT EXISTS dbo."Payments" (
    "PaymentId"       integer       NOT NULL,
    "LoanId"          integer       NOT NULL,
    "PaymentNumber"   integer       NOT NULL,
    "PaymentDate"     date          NOT NULL,
    "PaymentAmount"   numeric(10,2) NOT NULL,
    "PrincipalAmount" numeric(10,2) NOT NULL,
    "InterestAmount"  numeric(10,2) NOT NULL,
    "PaymentMethod"   varchar(50)   NOT NULL,
    "PaymentStatus"   varchar(50)   NOT NULL,
    "TransactionId"   varchar(50),
    "CreatedDate"     timestamp     NOT NULL,
    CONSTRAINT "PK_Payments" PRIMARY KEY ("PaymentId"),
    CONSTRAINT "FK_Payments_Loans" FOREIGN KEY ("LoanId") REFERENCES dbo."Loans",
    CONSTRAINT "CK_Payments_PaymentMethod" CHECK ("PaymentMethod" IN ('ACH', 'Check', 'Online', 'Cash')),
    CONSTRAINT "CK_Payments_PaymentStatus" CHECK ("PaymentStatus" IN ('Pending', 'Completed', 'Failed', 'Reversed'))
);

CREATE INDEX IF NOT EXISTS "IX_Applications_CustomerId" ON dbo."Applications" ("CustomerId");
CREATE INDEX IF NOT EXISTS "IX_Loans_ApplicationId" ON dbo."Loans" ("ApplicationId");
CREATE INDEX IF NOT EXISTS "IX_Payments_LoanId_PaymentDate" ON dbo."Payments" ("LoanId", "PaymentDate");
CREATE INDEX IF NOT EXISTS "IX_Payments_PaymentStatus_PaymentDate" ON dbo."Payments" ("PaymentStatus", "PaymentDate");
