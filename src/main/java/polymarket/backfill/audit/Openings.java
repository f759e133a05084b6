package polymarket.backfill.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import polymarket.backfill.Messages;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.HashRange;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;

/**
 * What wallets had before the first of the fetched blocks, as a node says it. The answers stay in
 * default.audit_openings, so that each balance is asked for once.
 */
final class Openings {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Transfers of the tokens whose balances are listed at once. */
  private static final long TRANSFERS = 200_000;

  /** Balances of which the answers are stored together, so that a stop loses few. */
  private static final int TOGETHER = 4000;

  private final ClickHouse clickHouse;
  private final Node node;
  private final Steps steps;
  private final Consumer<String> progress;
  private final SqlFile sql = SqlFile.read("audit");
  private long asked;

  Openings(ClickHouse clickHouse, Node node, Steps steps, Consumer<String> progress) {
    this.clickHouse = clickHouse;
    this.node = node;
    this.steps = steps;
    this.progress = progress;
  }

  /**
   * Asks for the balances that the law of balances needs and that are not known yet.
   *
   * @param values firsts and lasts of the ranges, and openings, the blocks before them
   * @throws polymarket.backfill.UserError where the node does not answer
   */
  void ask(Map<String, Object> values) {
    steps.each(
        "opening balances",
        HashRange.of(clickHouse.number(sql.section("token-rows").sql(values)), TRANSFERS),
        range -> {
          Map<String, Object> own = new HashMap<>(values);
          own.put("in_range", range.between());
          List<Node.Holding> unknown = new ArrayList<>();
          clickHouse.stream(
              sql.section("openings").sql(own),
              Map.of(),
              row ->
                  unknown.add(
                      new Node.Holding(
                          (String) row.get("contract"),
                          new BigInteger((String) row.get("token")),
                          (String) row.get("wallet"),
                          Audit.number(row.get("block")))));
          for (int from = 0; from < unknown.size() && !steps.isStopped(); from += TOGETHER) {
            keep(unknown.subList(from, Math.min(unknown.size(), from + TOGETHER)));
          }
        },
        HashRange::halves);
  }

  private void keep(List<Node.Holding> holdings) {
    List<BigInteger> balances = node.balances(holdings);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < holdings.size(); i++) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("token_id", holdings.get(i).token().toString());
      row.put("wallet", holdings.get(i).wallet());
      row.put("block_number", holdings.get(i).block());
      row.put("amount", balances.get(i).toString());
      lines.append(json(row)).append('\n');
    }
    clickHouse.insert(
        "default.audit_openings",
        lines.toString().getBytes(StandardCharsets.UTF_8),
        "openings " + holdings.hashCode());
    asked += holdings.size();
    progress.accept("audit: a node said " + Messages.count(asked) + " opening balances");
  }

  private static String json(Map<String, Object> row) {
    try {
      return JSON.writeValueAsString(row);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
