-- How texts of APIs are parsed, the same for all jobs. A section "-- @value name(a, b)" is an expression; it replaces $name(x,
-- y) in a job's SQL, with x for $a and y for $b (see SqlFile). An empty text or null is NULL; a text that cannot be parsed or
-- has an impossible value is NULL as well, and $unread distinguishes the two.

-- @value moment(text)
-- A time in each form that the APIs use: RFC 3339 with any fraction, a blank for the T, an offset of hours, minutes and seconds,
-- only a date; seconds, milliseconds and microseconds since 1970.
multiIf(
    match($text, '^[0-9]{9,10}([.][0-9]+)?$'), toNullable(fromUnixTimestamp64Micro(toInt64OrZero(splitByChar('.', $text)[1]) * 1000000, 'UTC')),
    match($text, '^[0-9]{12,13}$'), fromUnixTimestamp64Micro(toInt64OrZero($text) * 1000, 'UTC'),
    match($text, '^[0-9]{15,16}$'), fromUnixTimestamp64Micro(toInt64OrZero($text), 'UTC'),
    match($text, '(19|20|21)[0-9]{2}') AND match($text, '[^0-9.]'),
        parseDateTime64BestEffortOrNull(replaceRegexpOne($text, '([+-][0-9]{2}:[0-9]{2}):[0-9]{2}$', '\\1'), 6, 'UTC'),
    NULL);

-- @value past(text)
-- When something happened: not before the first contract was deployed (September 2020), nor later than tomorrow.
if($moment($text) >= toDateTime64('2020-09-01 00:00:00', 6, 'UTC') AND $moment($text) < now64(6, 'UTC') + INTERVAL 1 DAY, $moment($text), NULL);

-- @value deadline(text)
-- When something is scheduled to start or end.
if($moment($text) >= toDateTime64('2020-09-01 00:00:00', 6, 'UTC') AND $moment($text) < toDateTime64('2200-01-01 00:00:00', 6, 'UTC'), $moment($text), NULL);

-- @value figure(text)
-- Any decimal number, also with an exponent.
if(match($text, '^-?[0-9]{1,36}([.][0-9]+)?([eE][+-]?[0-9]{1,2})?$'), toDecimal256OrNull($text, 38), NULL);

-- @value exact(text)
-- An exact number of at most 20 digits and 18 decimals; NULL if it would have to be truncated.
if($figure($text) = CAST(toDecimal256OrNull($text, 18) AS Nullable(Decimal(76, 38))) AND abs($figure($text)) < toDecimal256('100000000000000000000', 38),
    toDecimal128OrNull($text, 18), NULL);

-- @value amount(text)
-- An exact number that is not negative.
if($exact($text) >= 0, $exact($text), NULL);

-- @value share(text)
-- A price: from 0 to 1.
if($figure($text) >= 0 AND $figure($text) <= 1, $figure($text), NULL);

-- @value flag(text)
if($text IN ('true', 'false', '1', '0'), toNullable($text IN ('true', '1')), NULL);

-- @value unread(text, value)
-- The text of a field whose value is NULL although the text is not empty; otherwise empty.
if($text IN ('', 'null') OR isNotNull($value), '', $text);

-- @value spelled(text)
-- The normal form of a key (see IdKind.spelled).
multiIf(match($text, '^0[xX][0-9a-fA-F]+(_0[xX][0-9a-fA-F]+)?$'), lower($text),
    match($text, '^[0-9a-fA-F]{64}$') AND match($text, '[a-fA-F]'), concat('0x', lower($text)), $text);
