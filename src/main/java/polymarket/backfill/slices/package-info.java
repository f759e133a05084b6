/**
 * Work that falls into slices, which are ids of a ledger: who takes which, who leads, and how other
 * members of a shared ledger help.
 */
package polymarket.backfill.slices;
