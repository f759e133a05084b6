package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.Columns.Column;

/**
 * The user's table or view of trades (setting {@code views.trades}): its columns are found by the
 * names in {@code views.…-columns}.
 */
public final class TradesInput {

  /** The setting that names the table; sections of SQL files ask for it with {@code reads=}. */
  public static final String SETTING = "views.trades";

  private static final String WALLET = "wallet";
  private static final List<String> WHAT =
      List.of(WALLET, "condition", "outcome", "shares", "price", "side", "time", "transaction");

  private final String table;
  private final Columns columns;
  private final Map<String, Column> found = new HashMap<>();
  private final String named;

  private TradesInput(ClickHouse clickHouse, Settings settings) {
    table = settings.text(SETTING);
    columns = Columns.of(clickHouse, table);
    named = settings.text(setting(WALLET));
    for (String what : WHAT) {
      Column column = columns.first(settings.text(setting(what)));
      if (column != null) {
        found.put(what, column);
      }
    }
  }

  /** The table as it is now. */
  public static TradesInput of(ClickHouse clickHouse, Settings settings) {
    return new TradesInput(clickHouse, settings);
  }

  private static String setting(String what) {
    return "views." + what + "-columns";
  }

  /** Whether there is no such table. */
  public boolean isMissing() {
    return columns.isEmpty();
  }

  /** Why no trade can be read from it, and what to set; null where trades can be read. */
  public String problem() {
    if (isMissing()) {
      return "there is no table " + table + "; create it, or set " + SETTING + " to your own";
    }
    return found.containsKey(WALLET)
        ? null
        : table
            + " has no column with wallets ("
            + named
            + "); its columns are "
            + columns.names()
            + ": name yours in "
            + setting(WALLET);
  }

  /** Which column is read as what, in one line. */
  public String reads() {
    List<String> without =
        WHAT.stream().filter(what -> !found.containsKey(what) && !what.equals("side")).toList();
    return table
        + ": "
        + WHAT.stream()
            .filter(found::containsKey)
            .map(what -> what + " from column " + found.get(what).name())
            .collect(Collectors.joining(", "))
        + (without.isEmpty() ? "" : "; no column with " + String.join(", ", without));
  }

  /**
   * What the view's placeholders stand for: expressions over columns that {@code {trades}} names.
   */
  Map<String, Object> values() {
    Map<String, Object> values = new HashMap<>();
    List<String> inner = new ArrayList<>();
    for (String what : WHAT) {
      Column column = found.get(what);
      String name = "own_" + what;
      if (column != null) {
        inner.add(Quoted.name(column.name()) + " AS " + name);
      }
      Column own =
          column == null ? null : new Column(name, column.type(), "", "", "", column.comment());
      values.put(what, new SqlFile.Raw(own == null ? none(what) : expression(what, own)));
    }
    boolean names = found.containsKey("outcome") && !found.get("outcome").isNumber();
    values.put(
        "outcome_names", new SqlFile.Raw(names ? "market.names" : "CAST([] AS Array(String))"));
    values.put(
        "join_outcome_names",
        new SqlFile.Raw(
            names ? SqlFile.read("views").section("join-outcome-names").statements().get(0) : ""));
    values.put(
        "trades",
        new SqlFile.Raw(
            "(SELECT " + String.join(", ", inner) + " FROM " + Quoted.table(table) + ")"));
    return values;
  }

  private static String none(String what) {
    return what.equals("time") ? "CAST(NULL AS Nullable(DateTime('UTC')))" : "''";
  }

  private static String expression(String what, Column own) {
    return switch (what) {
      case WALLET -> IdForms.orText(IdForms.wallet(own.text()), own.text());
      case "condition" -> IdForms.orText(IdForms.condition(own.text()), own.text());
      case "time" -> own.time();
      default -> own.text();
    };
  }
}
