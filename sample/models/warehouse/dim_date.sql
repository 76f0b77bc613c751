/* dwkit
kind = "date_dimension"
start = "2026-01-01"
end = "2026-12-31"
description = "One row for each day of the shop's year"
*/
