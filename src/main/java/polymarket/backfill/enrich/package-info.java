/**
 * Condition ids for every trade: the sources' mappings become one, and the trades are rewritten
 * with it.
 */
package polymarket.backfill.enrich;
