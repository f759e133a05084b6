/**
 * What is Polymarket's and Polygon's own: ids, logs of the contracts, and the signature of the
 * CLOB's private endpoints.
 */
package polymarket.backfill.polymarket;
