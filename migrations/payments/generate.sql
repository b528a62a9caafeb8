-- Fills dbo."Payments" with payments that look like a loan application's, and makes the loans and applications that they
-- belong to: psql -v rows=N -f generate.sql (20,000 payments without -v). For a test database only: all is invented.
--
-- Deterministic: a row is a function of its number, so any two databases with N payments are equal. Run again, it goes
-- on after the greatest "PaymentId" up to N, and does nothing when that is there already.
--
-- The shape. A cohort is 100 loans that begin in the same month and are paid back over 36: 3,600 payments, month after
-- month. Thirty cohorts begin in the months from January 2021 on, then the calendar starts over; the last payment is
-- due in May 2026. Each fifth application was declined and has no loan; each third customer applied twice. A 64-bit
-- hash stands for chance, f of a loan's number and r of a payment's: each field takes some of its bits.

\set ON_ERROR_STOP on
\if :{?rows}
\else
  \set rows 20000
\endif

-- All of a cohort's loans are there as soon as one of them is paid.
WITH applications AS (
    SELECT generate_series(0, (:rows::int + 3599) / 3600 * 125 - 1) AS a
)
INSERT INTO dbo."Applications" ("ApplicationId", "CustomerId")
SELECT 1001 + a, 5001 + a * 3 / 4
FROM applications
ON CONFLICT DO NOTHING;

WITH loans AS (
    SELECT generate_series(0, (:rows::int + 3599) / 3600 * 100 - 1) AS l
)
INSERT INTO dbo."Loans" ("LoanId", "ApplicationId")
SELECT 1 + l, 1001 + l + l / 4
FROM loans
ON CONFLICT DO NOTHING;

WITH
present AS (
    SELECT coalesce(max("PaymentId"), 0) AS last FROM dbo."Payments"
),
numbers AS (
    SELECT n, (n - 1) / 3600 AS cohort, (n - 1) % 3600 / 100 AS month, (n - 1) / 3600 * 100 + (n - 1) % 100 AS loan
    FROM generate_series((SELECT last + 1 FROM present), :rows::int) AS n
),
drawn AS (
    SELECT *, hashint8extended(loan, 36) AS f, hashint8extended(n, 2021) AS r
    FROM numbers
),
payments AS (
    SELECT n, loan, month, r,
           (date '2021-01-01' + make_interval(months => cohort % 30 + month))::date + (f & 31)::int % 28   AS due,
           -- Most loans are 1,000 to 84,886, to the cent; one in 64 is a company's, with installments of millions.
           round((100000 + (f >> 5 & 8388607)) / 100.0, 2) * CASE WHEN f >> 30 & 63 = 0 THEN 1500 ELSE 1 END AS lent,
           0.02 + (f >> 36 & 127) / 1000.0                                                                 AS rate,
           -- A borrower has a way to pay, and one time in sixteen takes another.
           (ARRAY['ACH', 'ACH', 'ACH', 'ACH', 'Online', 'Online', 'Check', 'Cash'])
               [1 + (CASE WHEN r & 15 = 0 THEN r >> 4 ELSE f >> 43 END & 7)]                               AS method,
           -- 5 in 128 failed, 2 reversed, 3 pending.
           CASE WHEN r >> 7 & 127 < 5 THEN 'Failed'
                WHEN r >> 7 & 127 < 7 THEN 'Reversed'
                WHEN r >> 7 & 127 < 10 THEN 'Pending'
                ELSE 'Completed' END                                                                       AS status
    FROM drawn
),
amounts AS (
    -- Equal parts of what was lent, and interest on what is left of it; now and then the interest alone.
    SELECT *,
           CASE WHEN r >> 14 & 127 = 0 THEN 0.00 ELSE round(lent / 36, 2) END        AS principal,
           round(lent * (36 - month) / 36 * rate / 12, 2)                            AS interest
    FROM payments
)
INSERT INTO dbo."Payments" (
    "PaymentId", "LoanId", "PaymentNumber", "PaymentDate", "PaymentAmount", "PrincipalAmount", "InterestAmount",
    "PaymentMethod", "PaymentStatus", "TransactionId", "CreatedDate")
SELECT n, 1 + loan, 1 + month, due, principal + interest, principal, interest, method, status,
       -- Cash has no transaction, and what is pending has none yet.
       CASE WHEN method <> 'Cash' AND status <> 'Pending' THEN 'TXN-' || upper(substr(md5('payment ' || n), 1, 16)) END,
       -- Recorded on the day or up to three days later, in milli- or microseconds.
       due + (r >> 21 & 3) * interval '1 day' + interval '6 hours' + (r >> 23 & 32767) * interval '1 second'
           + CASE WHEN r >> 38 & 7 < 6 THEN (r >> 41 & 511) * interval '1 millisecond'
                  ELSE (r >> 41 & 524287) * interval '1 microsecond' END
FROM amounts
ORDER BY n;

ANALYZE dbo."Applications", dbo."Loans", dbo."Payments";
