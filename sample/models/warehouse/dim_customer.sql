/* dwkit
kind = "dimension"
key = ["customer_id"]
scd = 2
updated_at = "updated_at"
description = "Customers as they were at any time: one row for each version"
[columns.email]
pii = "hash"
[columns.phone]
scd = 1
[columns.customer_id]
tests = ["unique_current"]
*/
SELECT customer_id, name, email, phone, city, postcode, country, segment, signed_up, marketing_opt_in,
       loyalty_tier, updated_at
FROM staging.customers
