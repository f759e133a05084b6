/**
 * The embedded ClickHouse: libchdb with ClickHouse's HTTP protocol, one background process per data
 * folder.
 */
package polymarket.backfill.embedded;
