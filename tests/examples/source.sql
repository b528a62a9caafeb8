-- What the plans of examples/ read: a few rows for each case that they show.
CREATE SCHEMA shop;

CREATE TYPE shop.address AS (street text, number int);

CREATE TABLE shop.customers (
    customer_id int PRIMARY KEY,
    full_name   text NOT NULL,
    email       varchar(100),
    created_at  timestamptz NOT NULL,
    tags        text[],
    address     shop.address,
    secret      text
);
INSERT INTO shop.customers VALUES
    (1, 'Ada Lovelace', 'Ada@Example.com', '2024-01-15 10:30:00.123+01', '{early,loyal}', ROW('Main Street', 7), 'x'),
    (2, 'José Müller', NULL, '2024-02-29 23:59:59.999999+00', '{}', NULL, 'y');

CREATE TABLE shop.orders (
    order_id    int PRIMARY KEY,
    customer_id int NOT NULL REFERENCES shop.customers,
    placed_at   timestamp NOT NULL,
    currency    char(3) NOT NULL,
    total       numeric(10, 2) NOT NULL,
    is_open     boolean NOT NULL,
    coupon      text,
    token       uuid NOT NULL
);
INSERT INTO shop.orders VALUES
    (1, 1, '2024-03-01 08:00', 'EUR', 129.90, false, NULL, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
    (2, 1, '2024-03-02 09:15:30.25', 'EUR', 20.00, true, 'SPRING', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'),
    (3, 2, '2024-03-02 09:15:30.25', 'GBP', 1999.00, true, NULL, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13');

CREATE TABLE shop.payments (
    payment_id int PRIMARY KEY,
    order_id   int NOT NULL REFERENCES shop.orders,
    amount     numeric(10, 2) NOT NULL,
    paid_on    date NOT NULL
);
INSERT INTO shop.payments VALUES
    (11, 1, 100.00, '2024-03-01'), (12, 1, 29.90, '2024-03-05'), (13, 3, 1999.00, '2024-03-02');

CREATE TABLE shop.events (
    event_id    bigint PRIMARY KEY,
    kind        varchar(20) NOT NULL,
    happened_at timestamptz NOT NULL,
    price       numeric,
    digest      bytea,
    payload     jsonb,
    body        text
);
INSERT INTO shop.events VALUES
    (1, 'Login', '2024-03-01 00:00:00.123456+00', 12.50, '\xdeadbeef', '{"ok": true, "n": [1, 2.50, null]}', '{"a": {"b": "c"}}'),
    (42, 'Sale', '2024-12-31 23:59:59+00', 0.5, '\x00', '[]', 'not JSON'),
    (12345, 'Sale', '2024-12-31 23:59:59.5+00', NULL, NULL, NULL, NULL);

CREATE TABLE shop.legacy (
    id         int PRIMARY KEY,
    kind       text NOT NULL,
    created_at varchar(30) NOT NULL
);
INSERT INTO shop.legacy VALUES
    (1, 'order', '2024-01-15 10:30:00'), (2, 'test', '2024-01-15 10:30:00'), (3, 'order', '15th of January');
