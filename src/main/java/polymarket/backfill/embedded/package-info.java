/**
 * ClickHouse inside the program: libchdb behind ClickHouse's own HTTP protocol, one background
 * process a data folder.
 */
package polymarket.backfill.embedded;
