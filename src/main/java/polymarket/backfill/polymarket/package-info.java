/**
 * Code specific to Polymarket and Polygon: ids, logs of the contracts, and the signature of the
 * CLOB's private endpoints.
 */
package polymarket.backfill.polymarket;
