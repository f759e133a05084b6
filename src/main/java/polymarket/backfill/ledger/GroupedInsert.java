package polymarket.backfill.ledger;

import java.util.Map;

/**
 * One insert of the rows of several batches, as the ledger keeps it from before it is sent until
 * ClickHouse has acknowledged it.
 *
 * @param token its deduplication token
 * @param table with its database
 * @param batches the numbers of its batches, and how many rows of each one the tables have when it
 *     is stored, rejected ones too
 * @param rows the body as it is sent
 */
public record GroupedInsert(String token, String table, Map<Long, Long> batches, byte[] rows) {}
