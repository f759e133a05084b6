package polymarket.backfill.sandbox;

import java.math.BigInteger;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The one chain that all sources of logs show, with its head, its blocks' hashes, and what a
 * damaged source makes of it.
 */
final class Chain {
  private static final int KNOWN = 1 << 18;
  private static final int KEPT_SUMS = 4;

  final Universe universe;
  final Economy economy;

  /** The newest block that is shown; it can be set back, so that a test lets the chain grow. */
  private volatile long head;

  /** Where transactions are that were served lately, by the first word of their hashes. */
  private final long[] hashes = new long[KNOWN];

  private final long[] blocks = new long[KNOWN];

  /** Collateral that came less what went, by block, then by token and owner. */
  private final TreeMap<Long, Map<String, Long>> collateral = new TreeMap<>();

  Chain(Universe universe) {
    this.universe = universe;
    economy = new Economy(universe);
    head = universe.headBlock();
  }

  long head() {
    return head;
  }

  /** Shows the chain up to a block; throws IllegalArgumentException for one beyond its end. */
  void head(long block) {
    if (block < 1 || block > universe.headBlock()) {
      throw new IllegalArgumentException(
          "block " + block + " is not between 1 and " + universe.headBlock());
    }
    head = block;
  }

  /** The chain as one request sees it. */
  View view(Request request, long behind) {
    return new View(request, behind);
  }

  /** The chain as one node shows it to one request. */
  final class View {
    private final Request request;
    private final Damage reorg;
    private final long head;

    /** The last block that the fork and the true chain share; the head where there is no fork. */
    private final long common;

    private View(Request request, long behind) {
      this.request = request;
      Damage lag = Damage.of(request, "lag");
      reorg = Damage.of(request, "reorg");
      head = Chain.this.head - behind - (lag == null ? 0 : lag.blocks());
      common = reorg == null ? Long.MAX_VALUE : Chain.this.head - reorg.blocks();
    }

    long head() {
      return head;
    }

    Request request() {
      return request;
    }

    String hash(long block) {
      return "0x"
          + (block > common
              ? Mix.hex(Mix.mix(universe.seed, block, 0xF0 + reorg.salt()), 32)
              : universe.blockHash(block));
    }

    long time(long block) {
      return universe.timeOf(block);
    }

    /**
     * How many blocks the answer is before those that are asked for: a stale one is of as many
     * blocks just before them.
     */
    long back(long from, long to) {
      return Damage.of(request, "stale") == null ? 0 : to - from + 1;
    }

    /** The logs that are asked for, up to the view's head, in the chain's order. */
    void logs(long from, long to, LogFilter filter, Consumer<LogOut.Log> sink) {
      long last = Math.min(to, head);
      if (Damage.of(request, "short") != null) {
        last = Math.min(last, from + (to - from) / 2 - (from == to ? 1 : 0));
      }
      plain(from, Math.min(last, common), 0, filter, sink);
      // on the fork every transaction is in the block after its own
      plain(Math.max(from, common + 2) - 1, last - 1, 1, filter, sink);
    }

    private void plain(long from, long to, int shift, LogFilter filter, Consumer<LogOut.Log> sink) {
      if (from > to || shift > 0 && reorg == null) {
        return;
      }
      Damage log = Damage.of(request, "drop-log");
      Damage block = Damage.of(request, "drop-block");
      Damage twice = Damage.of(request, "twice");
      economy.write(
          from,
          to,
          new LogOut(
              filter,
              false,
              one -> {
                if (!filter.takes(one)
                    || log != null && log.hits(one)
                    || block != null && block.hits(one.block())) {
                  return;
                }
                LogOut.Log shown = shift == 0 ? one : later(one, shift);
                remember(shown);
                sink.accept(shown);
                if (twice != null && twice.hits(one)) {
                  sink.accept(shown);
                }
              }));
    }
  }

  private static LogOut.Log later(LogOut.Log log, int blocks) {
    return new LogOut.Log(
        log.block() + blocks,
        log.index(),
        log.place(),
        log.transaction(),
        log.address(),
        log.topics(),
        log.data());
  }

  // ---- transactions and balances

  private static long word(String transaction) {
    return Mix.parseHex(transaction, 2, 16, new boolean[1]);
  }

  private void remember(LogOut.Log log) {
    long word = word(log.transaction());
    int slot = (int) word & KNOWN - 1;
    hashes[slot] = word;
    blocks[slot] = log.block();
  }

  /** The block of a transaction that a source has served lately, or -1. */
  long blockOf(String transaction) {
    long word = word(transaction);
    int slot = (int) word & KNOWN - 1;
    return hashes[slot] == word ? blocks[slot] : -1;
  }

  /** How many of a token an address has at the end of a block. */
  BigInteger balance(String contract, String owner, BigInteger token, long block) {
    int market = universe.tokens.owner(token.toString());
    if (market < 0) {
      return BigInteger.ZERO;
    }
    String id = token.toString();
    long[] sum = new long[1];
    LogOut out =
        new LogOut(
            (address, topic) -> false,
            true,
            new Rows(
                row -> {
                  if (row.kind().equals("transfers")
                      && row.get("token_id").equals(id)
                      && row.get("contract").equals(contract)) {
                    sum[0] += change(row, owner);
                  }
                }));
    Market m = universe.market(market >> 3);
    int first = m.number - m.number % 8;
    for (int k = m.negRisk ? first : m.number;
        k <= (m.negRisk ? Math.min(universe.size - 1, first + 7) : m.number);
        k++) {
      economy.write(k, block, out);
    }
    return BigInteger.valueOf(sum[0]);
  }

  /** How much collateral an address has got since the chain's beginning, less what it gave. */
  synchronized BigInteger collateral(String contract, String owner, long block) {
    Map<String, Long> sums = sums(Math.min(block, universe.headBlock()));
    return BigInteger.valueOf(sums.getOrDefault(contract + " " + owner, 0L));
  }

  /** All sums after a block; the sums of a few blocks are kept to go on from. */
  private Map<String, Long> sums(long block) {
    Map.Entry<Long, Map<String, Long>> before = collateral.floorEntry(block);
    if (before != null && before.getKey() == block) {
      return before.getValue();
    }
    Map<String, Long> sums = before == null ? new HashMap<>() : new HashMap<>(before.getValue());
    economy.write(
        before == null ? universe.blockOf(universe.created(0)) : before.getKey() + 1,
        block,
        new LogOut(
            (address, topic) -> false,
            true,
            new Rows(
                row -> {
                  if (row.kind().equals("collateral")) {
                    String token = row.text("token") + " ";
                    sums.merge(token + row.text("to"), row.number("amount"), Long::sum);
                    sums.merge(token + row.text("from"), -row.number("amount"), Long::sum);
                  }
                })));
    if (collateral.size() == KEPT_SUMS) {
      collateral.pollFirstEntry();
    }
    collateral.put(block, sums);
    return sums;
  }

  private static long change(LogOut.Row row, String owner) {
    long amount = row.number("amount");
    return (row.get("to").equals(owner) ? amount : 0)
        - (row.get("from").equals(owner) ? amount : 0);
  }

  /** Takes rows and no logs. */
  record Rows(Consumer<LogOut.Row> to) implements LogOut.Sink {
    @Override
    public void log(LogOut.Log log) {}

    @Override
    public void row(LogOut.Row row) {
      to.accept(row);
    }
  }
}
