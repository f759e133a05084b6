package polymarket.backfill.sandbox;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What the chain's logs mean, one JSON object a line; damage and a head set back change nothing.
 */
final class ChainTruth {
  private final Chain chain;
  private final Universe universe;

  ChainTruth(Chain chain) {
    this.chain = chain;
    universe = chain.universe;
  }

  Answer answer(String name, Request request) {
    return switch (name) {
      case "chain" -> rows(request);
      case "balances" -> balances(request, "transfers");
      case "custodians" -> balances(request, "collateral");
      default -> eras();
    };
  }

  private long number(Request request, String name, long otherwise) {
    String value = request.param(name);
    return value == null ? otherwise : Long.parseLong(value);
  }

  private long first() {
    return universe.blockOf(universe.created(0));
  }

  private void rows(long from, long to, Set<String> kinds, Lines lines) throws IOException {
    try {
      chain.economy.write(
          from,
          to,
          new LogOut(
              (address, topic) -> false,
              true,
              new Chain.Rows(
                  row -> {
                    if (kinds.isEmpty() || kinds.contains(row.kind())) {
                      try {
                        lines.row(row);
                      } catch (IOException e) {
                        throw new UncheckedIOException(e);
                      }
                    }
                  })));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private interface Lines {
    void row(LogOut.Row row) throws IOException;
  }

  /** The rows of a range of blocks, of some kinds or all. */
  private Answer rows(Request request) {
    long from = number(request, "from", first());
    long to = number(request, "to", universe.headBlock());
    Set<String> kinds = Set.copyOf(request.list("kind"));
    return Answer.lines(
        out ->
            rows(
                from,
                to,
                kinds,
                row -> {
                  StringBuilder text = new StringBuilder(500);
                  row.json(text, universe.timeOf(row.block()));
                  Truth.line(out, text.toString());
                }));
  }

  /** What everybody holds of every token, or collateral, after a block; not what is nothing. */
  private Answer balances(Request request, String kind) {
    long block = number(request, "block", universe.headBlock());
    String token = kind.equals("transfers") ? "token_id" : "token";
    return Answer.lines(
        out -> {
          Map<String, Long> sums = new TreeMap<>();
          rows(
              first(),
              block,
              Set.of(kind),
              row -> {
                sums.merge(row.text(token) + " " + row.text("to"), row.number("amount"), Long::sum);
                sums.merge(
                    row.text(token) + " " + row.text("from"), -row.number("amount"), Long::sum);
              });
          for (Map.Entry<String, Long> entry : sums.entrySet()) {
            String[] parts = entry.getKey().split(" ");
            if (entry.getValue() != 0 && !parts[1].equals(Contracts.NOBODY)) {
              Truth.line(
                  out,
                  new Json.Obj(new StringBuilder())
                      .put(token, parts[0])
                      .put("owner", parts[1])
                      .put("amount", entry.getValue())
                      .end()
                      .toString());
            }
          }
        });
  }

  /** From which block on each contract can have logs here; real chains differ from it. */
  private Answer eras() {
    long second = Universe.FREEZE_BLOCK + 1;
    long third = Math.max(first(), universe.blockOf(Universe.PROTOCOL_V2));
    return Answer.lines(
        out -> {
          for (Object[] era :
              new Object[][] {
                {"conditional tokens", Contracts.CTF, first()},
                {"neg-risk adapter", Contracts.NEG_RISK_ADAPTER, first()},
                {"pool factory", Contracts.FACTORY, first()},
                {"exchange v1", Contracts.EXCHANGE_V1, first()},
                {"neg-risk exchange v1", Contracts.NEG_RISK_EXCHANGE_V1, first()},
                {"exchange v2", Contracts.EXCHANGE_V2, second},
                {"neg-risk exchange v2", Contracts.NEG_RISK_EXCHANGE_V2, second},
                {"exchange v3", Contracts.EXCHANGE_V3, third},
                {"position manager", Contracts.POSITION_MANAGER, third}
              }) {
            Truth.line(
                out,
                new Json.Obj(new StringBuilder())
                    .put("name", (String) era[0])
                    .put("address", (String) era[1])
                    .put("first_block", (Long) era[2])
                    .end()
                    .toString());
          }
        });
  }
}
