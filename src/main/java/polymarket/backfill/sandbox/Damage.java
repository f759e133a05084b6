package polymarket.backfill.sandbox;

import java.util.List;
import java.util.Set;

/**
 * Something wrong in what a source serves, without a word: a fault that was drawn for a request.
 *
 * @param kind one of {@link #KINDS}
 * @param share which part of the logs, blocks or trades it hits, by their places
 * @param ids which of them it hits: a transaction's hash, BLOCK:LOGINDEX, or a block's number;
 *     where there are none, the share
 * @param blocks how far behind, how deep, or how wide
 * @param seconds how far a subgraph is behind
 * @param salt what makes one damage hit other places than another
 */
record Damage(String kind, double share, List<String> ids, long blocks, long seconds, long salt) {
  /** Kinds of damage. Those of a node are one's that serves logs, by any of the three sources. */
  static final Set<String> KINDS =
      Set.of(
          "drop-log",
          "drop-block",
          "twice",
          "stale",
          "short",
          "reorg",
          "lag",
          "pruned",
          "range-cap",
          "drop-trade",
          "behind");

  /** The damage of a kind that was drawn for a request, or null. */
  static Damage of(Request request, String kind) {
    for (Damage damage : request.damage) {
      if (damage.kind.equals(kind)) {
        return damage;
      }
    }
    return null;
  }

  boolean hits(LogOut.Log log) {
    return ids.isEmpty()
        ? Mix.fraction(Mix.mix(salt, log.block(), log.index())) < share
        : ids.contains(log.block() + ":" + log.index())
            || ids.contains(log.transaction().substring(2));
  }

  boolean hits(long block) {
    return ids.isEmpty()
        ? Mix.fraction(Mix.mix(salt, block)) < share
        : ids.contains(String.valueOf(block));
  }

  boolean hits(String transaction) {
    return ids.isEmpty()
        ? Mix.fraction(Mix.mix(salt, Mix.mix(transaction))) < share
        : ids.contains(transaction);
  }
}
