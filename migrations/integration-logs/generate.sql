-- Fills dbo."IntegrationLogs" with logs that look like a loan application's: psql -v rows=N -f generate.sql (20,000
-- without -v). For a test database only: the rows are inventions.
--
-- Deterministic: a row is a function of its number, so any two databases with N rows are equal. Run again, it goes on
-- after the greatest "LogId" up to N, and does nothing when that is there already.
--
-- The shape. Eight logs are a flow: one applicant, one correlation id, calls seconds apart. 144 flows are a day, from
-- 2024-01-01 on: 16 in the payment batch at 02:00, the others over business hours. A lap of 1,048,576 rows lasts 911
-- days, to the end of June 2026; then the calendar starts over. About 6 % fail. Two 64-bit hashes stand for chance, r of
-- the row's number and f of its flow's: each field takes some of their bits.

\set ON_ERROR_STOP on
\if :{?rows}
\else
  \set rows 20000
\endif

WITH
words AS (
    SELECT
        ARRAY['José Álvarez', 'Zoë Müller', 'Łukasz Wiśniewski', '山田 太郎', 'Олена Шевченко', 'Nguyễn Thị Hạnh',
              'Grace Okafor', 'Søren Ångström', 'Chloé Lefèvre', 'Ravi Subramanian', 'Emily Carter', 'محمد الفاسي',
              'Siobhán O''Connor', 'João Gonçalves', 'Anna Novak', 'William Johnson']                     AS names,
        ARRAY['j.alvarez', 'z.müller', 'portal', 'underwriting', 'e.carter', 'a.novak', 'batch', 'api']   AS users,
        ARRAY['Experian', 'Equifax', 'TransUnion', 'CRIF']                                                AS bureaus,
        ARRAY['ACH', 'Check', 'Online', 'Cash']                                                           AS methods,
        ARRAY['payslip', 'identity', 'Vertrag', 'déclaration d''impôts']                                  AS files,
        ARRAY['welcome', 'approved', 'reminder', 'statement']                                             AS letters,
        ARRAY['tu cuota vence mañana', 'your loan is approved ✅',
              '書類を受け取りました', 'płatność przyjęta 💶']                                             AS texts,
        ARRAY['kyc', 'fraud', 'valuation', 'open-banking']                                                AS checks,
        ARRAY['Onfido', 'Plaid', 'Świt', 'データ社']                                                      AS vendors,
        ARRAY['en-GB', 'es-ES', 'pl-PL', 'ja-JP']                                                         AS locales
),
present AS (
    SELECT coalesce(max("LogId"), 0) AS last FROM dbo."IntegrationLogs"
),
flows AS MATERIALIZED (
    SELECT flow,
           hashint8extended(flow, 2024)   AS f,
           md5('flow ' || flow)           AS digest,
           flow % 131072 / 144            AS day,
           flow % 131072 % 144            AS slot
    FROM generate_series((SELECT last / 8 FROM present), (:rows::bigint - 1) / 8) AS flow
),
logs AS MATERIALIZED (
    SELECT n, r, digest,
           -- The night's batch is payments; by day the type is drawn, some types more often than others.
           CASE WHEN slot < 16 THEN 2
                ELSE ('{1,1,1,1,6,6,3,3,3,4,4,4,5,5,2,6}'::int[])[1 + (r & 15)] END               AS kind,
           (r >> 4 & 1023) >= 62                                                                  AS succeeded,
           timestamp '2024-01-01' + day * interval '1 day' + step * interval '4 seconds'
               + CASE WHEN slot < 16 THEN interval '2 hours' + slot * interval '37 seconds'
                      ELSE interval '7 hours' + (slot - 16) * interval '390 seconds'
                           + (f & 255) * interval '1 second' END
               -- Most clocks give milliseconds, some microseconds, a few whole seconds.
               + CASE WHEN r >> 14 & 7 < 5 THEN (r >> 17 & 2047) * interval '1 millisecond'
                      WHEN r >> 14 & 7 < 7 THEN (r >> 17 & 2097151) * interval '1 microsecond'
                      ELSE interval '0' END                                                       AS logged,
           -- A batch pays for another application at each step; a flow by day is about one.
           1001 + (CASE WHEN slot < 16 THEN r >> 38 ELSE f >> 8 END & 65535) * 61 % 48000         AS application,
           round((100 + (r >> 38 & 1048575)) / 100.0, 2)                                          AS amount,
           r >> 34 & 3                                                                            AS pick,
           'TXN-' || upper(substr(digest, 1 + step, 12))                                          AS reference,
           names[1 + (f >> 40 & 15)]                                                              AS person,
           users[1 + (f >> 44 & 7)]                                                               AS account
    FROM flows, words, generate_series(0, 7) AS step,
         LATERAL (SELECT flow * 8 + step + 1 AS n, hashint8extended(flow * 8 + step + 1, 7) AS r OFFSET 0) AS log
    WHERE n > (SELECT last FROM present) AND n <= :rows::bigint
),
calls AS (
    SELECT logs.*,
           format('{"schema":3,"app":%s,"trace":"%s","client":{"channel":"%s","version":"4.%s"},', application,
                  substr(digest, 9, 16), (ARRAY['web', 'branch', 'mobile', 'partner'])[1 + (r >> 36 & 3)], r >> 40 & 31)
           || CASE kind
               WHEN 1 THEN format('"applicant":{"name":"%s","ref":"%s"},"bureau":"%s","amount":%s,"consent":true}',
                   person, reference, bureaus[1 + pick], amount * 10)
               WHEN 2 THEN format('"loan":%s,"method":"%s","amount":%s,"currency":"EUR","reference":"%s","holder":"%s"}',
                   application * 3, methods[1 + pick], amount, reference, person)
               WHEN 3 THEN format('"file":"%s – %s.pdf","bytes":%s,"sha256":"%s%s"}',
                   files[1 + pick], person, r >> 38 & 8388607, digest, reverse(digest))
               WHEN 4 THEN format('"to":"client%s@example.com","template":"%s","locale":"%s","vars":{"name":"%s"}}',
                   application, letters[1 + pick], locales[1 + pick], person)
               WHEN 5 THEN format('"to":"+34 600 %s","text":"%s, %s (%s)","priority":%s}',
                   100000 + (r >> 38 & 524287), person, texts[1 + pick], reference, pick)
               WHEN 6 THEN format('"path":"/v2/%s/%s","id":"%s",'
                                  '"body":{"score":%s,"ratio":%se-4,"seq":9007199254740993}}',
                   checks[1 + pick], application, digest, amount, r >> 26 & 255)
           END AS request,
           CASE kind
               WHEN 1 THEN format('{"score":%s,"report":"%s","accounts":[{"type":"card","balance":%s},'
                                  '{"type":"mortgage","balance":%s}]',
                   300 + (r >> 44 & 511), digest, amount, amount * 71)
               WHEN 2 THEN format('{"transaction":"%s","state":"Completed","fee":0.%s,"ledger":{"debit":"%s","credit":"4000-01"}',
                   reference, 10 + (r >> 44 & 63), application * 3)
               WHEN 3 THEN format('{"documentId":"%s","pages":%s,"ocr":{"confidence":0.%s,"language":"%s"},"warnings":[]',
                   digest::uuid, 1 + (r >> 44 & 15), 900 + (r >> 48 & 63), locales[1 + pick])
               WHEN 4 THEN format('{"messageId":"<%s@mail.example.com>","accepted":["client%s@example.com"],"rejected":[]',
                   digest, application)
               WHEN 5 THEN format('{"sid":"SM%s","segments":%s,"price":{"value":-0.0%s,"currency":"USD"},"note":null',
                   digest, 1 + (r >> 44 & 1), 100 + (r >> 45 & 127))
               WHEN 6 THEN format('{"status":"ok","matches":%s,"vendor":"%s","checks":[{"code":"C%s","passed":true},'
                                  '{"code":"C%s","passed":false}]',
                   r >> 44 & 7, vendors[1 + pick], r >> 22 & 63, r >> 28 & 63)
           END
           || format(',"node":"eu-west-1%s","attempt":%s,"tookMs":%s}',
                  chr(97 + (r >> 53 & 3)::int), 1 + (r >> 55 & 1), r >> 20 & 511)                AS response
    FROM logs, words
)
INSERT INTO dbo."IntegrationLogs" (
    "LogId", "ApplicationId", "LogType", "ServiceName", "RequestData", "ResponseData", "StatusCode", "IsSuccess",
    "ErrorMessage", "ProcessingTimeMs", "LogTimestamp", "CorrelationId", "UserId")
SELECT n,
       CASE WHEN r >> 56 & 15 > 0 THEN application END,
       (ARRAY['Credit Check', 'Payment Processing', 'Document Upload',
              'Email Notification', 'SMS Notification', 'External API'])[kind],
       (ARRAY['CreditCheckService', 'PaymentProcessingService', 'DocumentUploadService',
              'EmailNotificationService', 'SmsNotificationService', 'ExternalApiService'])[kind],
       -- One request in 128 was cut off by the logger, one in 256 never recorded.
       CASE WHEN r >> 20 & 255 = 0 THEN NULL
            WHEN r >> 20 & 127 = 1 THEN left(request, 90)
            ELSE request END,
       -- A failure brings JSON, HTML, nothing, or JSON without its end; one success in 64 has an empty body, one in
       -- 1,024 a long report.
       CASE WHEN NOT succeeded THEN
                (ARRAY['{"error":{"code":"UPSTREAM","message":"service \"scoring\" did not answer\nretry later"}}',
                       '<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>',
                       NULL,
                       '{"error":{"code":"INVALID","message":"campo obligatorio vacío","field":"iban"}'])[1 + (r >> 30 & 3)]
            WHEN r >> 30 & 63 = 0 THEN ''
            WHEN r >> 30 & 1023 = 1 THEN '{"pages":["' || repeat(digest || ' ' || person || '; ', 150) || '"]}'
            ELSE response END,
       CASE WHEN succeeded THEN ('{200,200,200,200,201,202,200,204}'::text[])[1 + (r >> 40 & 7)]
            ELSE ('{500,502,TIMEOUT,400,503,504,429,422}'::text[])[1 + (r >> 30 & 7)] END,
       succeeded,
       CASE WHEN NOT succeeded THEN
                (ARRAY['Upstream service did not answer', 'Bad gateway: the provider returned HTML',
                       'Timed out after 30000 ms', 'Validación rechazada: campo obligatorio vacío (iban)',
                       'Service unavailable', 'Gateway timeout', 'Too many requests; retry after 2 s',
                       'Unprocessable: "amount" must be > 0'])[1 + (r >> 30 & 7)] END,
       CASE WHEN NOT succeeded AND r >> 30 & 7 = 2 THEN NULL         -- it timed out: nobody measured
            WHEN r >> 50 & 63 = 0 THEN 2000 + (r >> 20 & 32767)      -- the slow tail
            ELSE 18 + (r >> 20 & 511) END,
       logged,
       CASE WHEN r >> 52 & 7 > 0 THEN digest::uuid::text END,
       CASE WHEN r >> 59 & 3 > 0 THEN account END
FROM calls
ORDER BY n;

ANALYZE dbo."IntegrationLogs";
