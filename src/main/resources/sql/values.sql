-- How texts of APIs are parsed, the same for all jobs. A section "-- @value name(a, b)" is an expression; it replaces $name(x,
-- y) in a job's SQL, with x for $a and y for $b (see SqlFile). An empty text or null is NULL; a text that cannot be parsed or
-- has an impossible value is NULL as well, and $unread distinguishes the two. An expression that is compared and returned is put
-- into an array and filtered: written twice, ClickHouse would analyze it twice, in every insert.

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
arrayFilter(t -> t >= toDateTime64('2020-09-01 00:00:00', 6, 'UTC') AND t < now64(6, 'UTC') + INTERVAL 1 DAY, [$moment($text)])[1];

-- @value money(units)
-- Base units of 10^-6 as a decimal.
CAST(toDecimal256($units, 0) * toDecimal256('0.000001', 6) AS Decimal(38, 6));

-- @value units(amount)
-- Base units of 10^-6 as a text for people, of a whole number of any size: -397.92.
concat(if($amount < 0, '-', ''), replaceRegexpOne(concat(toString(intDiv(abs($amount), 1000000)), '.',
    leftPad(toString(abs($amount) % 1000000), 6, '0')), '\\.?0+$', ''));

-- @value blocktimes(table)
-- The transactions of fills without a time, with the time of their block as other rows of the table have it, or the chain's
-- transfers.
SELECT transaction_hash AS transaction, toDateTime(assumeNotNull(max(at)), 'UTC') AS time FROM
(
    SELECT transaction_hash, toDateTime64(timestamp, 3, 'UTC') AS at FROM $table
    UNION ALL
    SELECT transaction_hash, block_time FROM default.rpc_transfers
)
WHERE (SELECT count() FROM (SELECT 1 FROM $table WHERE isNull(timestamp) LIMIT 1)) > 0
    AND isNotNull(at) AND transaction_hash IN (SELECT transaction_hash FROM $table WHERE isNull(timestamp))
GROUP BY transaction_hash;

-- @value deadline(text)
-- When something is scheduled to start or end.
arrayFilter(t -> t >= toDateTime64('2020-09-01 00:00:00', 6, 'UTC') AND t < toDateTime64('2200-01-01 00:00:00', 6, 'UTC'), [$moment($text)])[1];

-- @value figure(text)
-- Any decimal number, also with an exponent.
if(match($text, '^-?[0-9]{1,36}([.][0-9]+)?([eE][+-]?[0-9]{1,2})?$'), toDecimal256OrNull($text, 38), NULL);

-- @value exact(text)
-- An exact number of at most 20 digits and 18 decimals; NULL if it would have to be truncated.
if(arrayExists(f -> f = CAST(toDecimal256OrNull($text, 18) AS Nullable(Decimal(76, 38))) AND abs(f) < toDecimal256('100000000000000000000', 38),
    [$figure($text)]), toDecimal128OrNull($text, 18), NULL);

-- @value amount(text)
-- An exact number that is not negative.
arrayFilter(a -> a >= 0, [$exact($text)])[1];

-- @value share(text)
-- A price: from 0 to 1.
arrayFilter(f -> f >= 0 AND f <= 1, [$figure($text)])[1];

-- @value flag(text)
if($text IN ('true', 'false', '1', '0'), toNullable($text IN ('true', '1')), NULL);

-- @value unread(text, value)
-- The text of a field whose value is NULL although the text is not empty; otherwise empty.
if($text IN ('', 'null') OR isNotNull($value), '', $text);

-- @value spelled(text)
-- The normal form of a key (see IdKind.spelled).
multiIf(match($text, '^0[xX][0-9a-fA-F]+(_0[xX][0-9a-fA-F]+)?$'), lower($text),
    match($text, '^[0-9a-fA-F]{64}$') AND match($text, '[a-fA-F]'), concat('0x', lower($text)), $text);

-- The parts of a log of the chain, with its columns words and data at hand: four topics, then the data's words. A place counts the
-- words from 1, and is 0 if the event has no such parameter, whose word is zeros.

-- @value word(place)
words[$place];

-- @value address(place)
toFixedString(substring($word($place), 13, 20), 20);

-- @value number(place)
reinterpretAsUInt256(reverse($word($place)));

-- @value items(place)
-- The words of an array, whose place holds where in the data it begins: its length, then its elements.
if($place = 0, [], arrayMap(i -> toFixedString(substring(data, toUInt64($number($place)) + 33 + 32 * i, 32), 32),
    range(toUInt32(least(reinterpretAsUInt256(reverse(substring(data, toUInt64($number($place)) + 1, 32))), length(data))))));

-- @value numbers(place)
arrayMap(w -> reinterpretAsUInt256(reverse(w)), $items($place));

-- @value bytes(text, n)
-- An id of n bytes, however a file has it: 0x and hex digits, hex digits, or the bytes themselves.
multiIf(length($text) = 2 * $n + 2, unhex(substring($text, 3)), length($text) = 2 * $n, unhex($text), $text);

-- @value wordbytes(text)
-- The 32 bytes of a hash as a node writes it, 0x and hex digits; cut or filled with zeros where it has another length.
toFixedString(substring(unhex(substring($text, 3)), 1, 32), 32);

-- @value addressbytes(text)
-- Likewise the 20 bytes of an address.
toFixedString(substring(unhex(substring($text, 3)), 1, 20), 20);

-- @value topicbytes(hash, address, topics)
-- The topics of a log. None if a part of it does not have the length that it must have: such a log is rejected.
if(length($hash) = 66 AND length($address) = 42 AND arrayAll(w -> length(w) = 66, $topics), arrayMap(w -> $wordbytes(w), $topics), []);

-- @value blockmoment(seconds)
-- The time of a block, seconds since 1970; NULL if it is before the first contract or later than tomorrow.
if($seconds >= toUnixTimestamp(toDateTime('2020-09-01 00:00:00', 'UTC')) AND $seconds < toUnixTimestamp(now()) + 86400, toDateTime($seconds, 'UTC'), NULL);

-- @value comboid(condition)
-- The token id of a V3 condition's first outcome: 31 bytes of the condition, and the outcome as the last byte.
reinterpretAsUInt256(reverse($condition));

-- @value redeemed(from, to)
-- The conditions that were redeemed in some blocks.
(SELECT condition_id FROM default.chain_lifecycle WHERE block_number BETWEEN $from AND $to AND kind = 'redemption');

-- @value redeemedtokens(from, to)
-- Their tokens.
(SELECT * FROM default.audit_tokens WHERE condition_id IN $redeemed($from, $to));

-- @value redeemedpayouts(from, to)
-- What they pay.
(SELECT toFixedString(unhex(known.condition_id), 32) AS condition_id, payout_numerators FROM default.rpc_resolutions AS known FINAL
    WHERE known.condition_id IN (SELECT lower(hex(condition_id)) FROM $redeemed($from, $to)));
