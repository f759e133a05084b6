package polymarket.backfill.enrich;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import polymarket.backfill.clickhouse.Quoted;
import polymarket.backfill.clickhouse.SqlFile.Raw;

/**
 * What is known of an id or a row in one byte: 0 for a condition id that was there before, 1 + 5 *
 * source + rule for one that was found, {@link #BY_TRANSACTION}, {@link #DISPUTED}, or from {@link
 * #UNKNOWN} on the reason why there is none.
 */
final class Codes {

  static final int BY_TRANSACTION = 21;
  static final int DISPUTED = 99;
  static final int UNKNOWN = 100;
  static final int NONE = 101;
  static final int ZERO = 102;
  static final int AMBIGUOUS_MARKET = 103;
  static final int UNKNOWN_TOKEN = 104;
  static final int AMBIGUOUS_TRANSACTION = 105;

  private static final List<String> SOURCES = List.of("clob", "rpc", "goldsky", "gamma");
  private static final List<String> RULES =
      List.of("proved", "all-agree", "majority", "priority", "only-source");
  private static final List<String> REASONS =
      List.of(
          "unknown market",
          "no market id",
          "zero market id",
          "ambiguous market",
          "unknown token",
          "ambiguous transaction");

  private Codes() {}

  /** The placeholders of enrich.sql that stand for codes and for what they are made of. */
  static Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("sources", new Raw(array(SOURCES)));
    values.put("rules", new Raw(array(RULES)));
    values.put(
        "proved",
        new Raw(
            IntStream.range(0, SOURCES.size())
                .mapToObj(source -> String.valueOf(1 + RULES.size() * source))
                .collect(Collectors.joining(", "))));
    values.put("unknown", UNKNOWN);
    values.put("none", NONE);
    values.put("zero", ZERO);
    values.put("ambiguous_market", AMBIGUOUS_MARKET);
    values.put("ambiguous_transaction", AMBIGUOUS_TRANSACTION);
    values.put("unknown_token", UNKNOWN_TOKEN);
    values.put("disputed", DISPUTED);
    values.put("by_transaction", BY_TRANSACTION);
    values.put("source_of_code", text(Codes::source));
    values.put("rule_of_code", text(Codes::rule));
    values.put("reason_of_code", text(code -> code < UNKNOWN ? "" : REASONS.get(code - UNKNOWN)));
    return values;
  }

  private static String source(int code) {
    return code == 0 || code == DISPUTED
        ? "original"
        : code < BY_TRANSACTION
            ? SOURCES.get((code - 1) / RULES.size())
            : code == BY_TRANSACTION ? "rpc" : "";
  }

  private static String rule(int code) {
    return code == 0
        ? "original"
        : code == DISPUTED
            ? "original-disputed"
            : code < BY_TRANSACTION
                ? RULES.get((code - 1) % RULES.size())
                : code == BY_TRANSACTION ? "transaction" : "";
  }

  /** The text that a code stands for, as an expression; codes whose text is empty are left out. */
  private static Raw text(IntFunction<String> text) {
    Map<Integer, String> texts = new LinkedHashMap<>();
    for (int code = 0; code < UNKNOWN + REASONS.size(); code++) {
      if (code <= BY_TRANSACTION || code >= DISPUTED) {
        texts.put(code, text.apply(code));
      }
    }
    texts.values().removeIf(String::isEmpty);
    return new Raw("transform(__codes, " + texts.keySet() + ", " + array(texts.values()) + ", '')");
  }

  private static String array(Collection<String> texts) {
    return texts.stream().map(Quoted::text).collect(Collectors.joining(", ", "[", "]"));
  }
}
