/** Polymarket backfills on Apache Camel: ids in, complete and exact rows in ClickHouse out. */
package polymarket.backfill;
