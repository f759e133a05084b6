/**
 * The client of ClickHouse, SQL files and their sections, views, forms of ids, and the lock of a
 * job.
 */
package polymarket.backfill.clickhouse;
