/**
 * Ids and logs of Polymarket's contracts on Polygon, and the signature of the CLOB's private
 * endpoints; pure functions, no I/O.
 */
package polymarket.backfill.polygon;
