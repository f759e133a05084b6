package polymarket.backfill.enrich;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.Columns;
import polymarket.backfill.clickhouse.Columns.Column;
import polymarket.backfill.clickhouse.IdForms;
import polymarket.backfill.clickhouse.Quoted;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;

/**
 * The table of trades as it is: its columns and what they are, its keys, and how it falls into
 * slices.
 */
final class Trades {

  /** The column with condition ids in the enriched table, all in the stored form. */
  static final String CONDITION = "condition_id";

  /** The original condition id of the trades, if their column has the same name. */
  static final String ORIGINAL = "condition_id_original";

  static final List<String> ADDED =
      List.of("condition_id_source", "condition_id_rule", "unfillable_reason");

  /** Rows that are looked at to see how many values a column has. */
  private static final long SAMPLE = 20_000_000;

  private static final long MOST_IN_A_DICTIONARY = 100_000;

  private final ClickHouse clickHouse;
  private final SqlFile sql = SqlFile.read("enrich");
  private final String table;
  private final Columns columns;
  private final Column market;
  private final Column token;
  private final Column condition;
  private final Column transaction;
  private final Column time;
  private final Column trade;
  private final boolean mergeTree;
  private final String partitionKey;
  private final String sortingKey;
  private final String primaryKey;
  private final String definition;
  private String keyType;
  private Set<String> plain;

  /**
   * @throws UserError where there is no such table, or a column of it has the name of one that is
   *     added
   */
  Trades(ClickHouse clickHouse, Settings settings) {
    this.clickHouse = clickHouse;
    this.table = settings.text("enrich.trades");
    this.columns = Columns.of(clickHouse, table);
    if (columns.isEmpty()) {
      throw new UserError(
          "there is no table " + table + " to enrich; set enrich.trades to the table of trades");
    }
    market = columns.first(settings.text("enrich.market-columns"));
    token = columns.first(settings.text("enrich.token-columns"));
    condition = columns.first(settings.text("enrich.condition-columns"));
    transaction = columns.first(settings.text("enrich.transaction-columns"));
    time = columns.first(settings.text("enrich.time-columns"));
    trade = columns.first(settings.text("enrich.trade-columns"));
    if (market == null && token == null && transaction == null) {
      throw new UserError(
          table
              + " has no column with a market, a token or a transaction by which a condition id is"
              + " found; its columns are "
              + columns.names()
              + ": name yours in enrich.market-columns, enrich.token-columns or"
              + " enrich.transaction-columns");
    }
    checkNames();
    Map<String, Object> row =
        clickHouse
            .rows(
                "SELECT engine, partition_key, sorting_key, primary_key, create_table_query FROM"
                    + " system.tables WHERE database = {d:String} AND name = {t:String}",
                Map.of("d", Columns.database(table), "t", Columns.name(table)))
            .get(0);
    mergeTree = String.valueOf(row.get("engine")).endsWith("MergeTree");
    partitionKey = (String) row.get("partition_key");
    sortingKey = (String) row.get("sorting_key");
    primaryKey = (String) row.get("primary_key");
    definition = (String) row.get("create_table_query");
  }

  private void checkNames() {
    List<String> added = new ArrayList<>(ADDED);
    added.add(ORIGINAL);
    if (condition == null || !condition.name().equals(CONDITION)) {
      added.add(CONDITION);
    }
    columns.all().stream()
        .map(Column::name)
        .filter(added::contains)
        .findFirst()
        .ifPresent(
            taken -> {
              throw new UserError(
                  table
                      + " has a column "
                      + taken
                      + ", which enrich adds: rename it, or set enrich.trades to a table that was"
                      + " not enriched yet");
            });
  }

  /** Which columns are read as what, in one line. */
  String reads() {
    return table
        + ": "
        + List.of("market", "token", "condition", "transaction", "time", "trade").stream()
            .map(
                what ->
                    what + (has(what) ? " from column " + column(what).name() : ": no such column"))
            .collect(Collectors.joining(", "));
  }

  String table() {
    return table;
  }

  String quoted() {
    return Quoted.table(table);
  }

  /** The statement that would make it. */
  String definition() {
    return definition;
  }

  boolean has(String what) {
    return column(what) != null;
  }

  private Column column(String what) {
    return switch (what) {
      case "market" -> market;
      case "token" -> token;
      case "condition" -> condition;
      case "transaction" -> transaction;
      case "time" -> time;
      default -> trade;
    };
  }

  /** A column's value as text; an empty text where the table has none. */
  String text(String what) {
    Column column = column(what);
    return column == null ? "''" : column.text();
  }

  /** A column as it is; NULL where the table has none. */
  String value(String what) {
    Column column = column(what);
    return column == null ? "NULL" : Quoted.name(column.name());
  }

  /** The condition id of a row in the stored form; an empty text where it has none. */
  String own() {
    return condition == null ? "''" : IdForms.condition(condition.text());
  }

  /** What a row gets for which no condition id was found. */
  String unfilled() {
    return condition != null && condition.isNullable() ? "NULL" : "''";
  }

  /** The columns whose values must not change, in order. */
  List<String> kept() {
    return columns.all().stream()
        .filter(this::isKept)
        .map(column -> Quoted.name(column.name()))
        .toList();
  }

  /** The names of the same columns in the enriched table. */
  List<String> keptAs() {
    return columns.all().stream()
        .filter(this::isKept)
        .map(column -> Quoted.name(nameInTarget(column)))
        .toList();
  }

  private boolean isKept(Column column) {
    return column == condition || isStored(column);
  }

  private static String nameInTarget(Column column) {
    return column.name().equals(CONDITION) ? ORIGINAL : column.name();
  }

  /**
   * Columns that are LowCardinality and hold too many different values for that: they are plain in
   * the enriched table.
   */
  Set<String> plain() {
    if (plain == null) {
      List<Column> low =
          columns.all().stream().filter(Trades::isStored).filter(Column::isLowCardinality).toList();
      Map<String, Object> distinct =
          low.isEmpty()
              ? Map.of()
              : clickHouse
                  .rows(
                      "SELECT "
                          + low.stream()
                              .map(
                                  column ->
                                      "uniq("
                                          + Quoted.name(column.name())
                                          + ") AS "
                                          + Quoted.name(column.name()))
                              .collect(Collectors.joining(", "))
                          + " FROM (SELECT "
                          + low.stream()
                              .map(column -> Quoted.name(column.name()))
                              .collect(Collectors.joining(", "))
                          + " FROM "
                          + quoted()
                          + " LIMIT "
                          + SAMPLE
                          + ")",
                      Map.of())
                  .get(0);
      // a dictionary of LowCardinality does not hold 150,000 ids
      plain =
          low.stream()
              .filter(
                  column ->
                      column == market
                          || column == token
                          || column == condition
                          || column == transaction
                          || !column.type().contains("String")
                          || ((Number) distinct.get(column.name())).longValue()
                              > MOST_IN_A_DICTIONARY)
              .map(Column::name)
              .collect(Collectors.toCollection(TreeSet::new));
    }
    return plain;
  }

  private static boolean isStored(Column column) {
    return !column.kind().equals("ALIAS") && !column.kind().equals("EPHEMERAL");
  }

  /**
   * The statement that makes a table for enriched trades.
   *
   * @param comment stands at the table
   * @param settings of the table, besides those that its keys ask for
   */
  String create(String name, String comment, Map<String, Long> settings) {
    boolean ephemeral =
        columns.all().stream().anyMatch(column -> column.kind().equals("EPHEMERAL"));
    List<String> lines = new ArrayList<>();
    List<Column> aliases = new ArrayList<>();
    for (Column column : columns.all()) {
      if (isKept(column)) {
        lines.add(
            Quoted.name(nameInTarget(column))
                + " "
                + (plain().contains(column.name()) ? column.plainType() : column.type())
                // an ephemeral column is only there while one inserts
                + (column.kind().equals("DEFAULT") && !ephemeral
                    ? " DEFAULT " + column.expression()
                    : "")
                + (column.comment().isEmpty() ? "" : " COMMENT " + Quoted.text(column.comment()))
                + (column.codec().isEmpty() ? "" : " " + column.codec()));
      } else if (column.kind().equals("ALIAS")) {
        aliases.add(column);
      }
    }
    lines.add(
        sql.section("added-columns")
            .sql(
                Map.of(
                    "condition_type",
                    new Raw(
                        condition != null && condition.isNullable()
                            ? "Nullable(String)"
                            : "String"))));
    if (condition == null || !condition.name().equals(CONDITION)) {
      lines.add(
          sql.section("original-column")
              .sql(Map.of("condition", new Raw(condition == null ? "''" : condition.text()))));
    }
    aliases.forEach(
        column ->
            lines.add(
                Quoted.name(column.name())
                    + " "
                    + column.type()
                    + " ALIAS "
                    + column.expression()));
    return sql.section("create")
        .sql(
            Map.of(
                "table",
                new Raw(name),
                "columns",
                new Raw(String.join(",\n    ", lines)),
                "keys",
                new Raw(keys()),
                "settings",
                new Raw(
                    settings.entrySet().stream()
                        .map(setting -> ", " + setting.getKey() + " = " + setting.getValue())
                        .collect(Collectors.joining())),
                "comment",
                comment));
  }

  private String keys() {
    List<String> keys = new ArrayList<>();
    if (mergeTree && !partitionKey.isEmpty()) {
      keys.add("PARTITION BY " + partitionKey);
    }
    if (mergeTree && !sortingKey.isEmpty() && !primaryKey.equals(sortingKey)) {
      keys.add("PRIMARY KEY (" + primaryKey + ")");
    }
    keys.add(
        "ORDER BY " + (mergeTree && !sortingKey.isEmpty() ? "(" + sortingKey + ")" : "tuple()"));
    return String.join("\n", keys);
  }

  /** The first expression of the primary key; null where there is none. */
  String key() {
    if (!mergeTree || primaryKey.isEmpty()) {
      return null;
    }
    int depth = 0;
    for (int i = 0; i < primaryKey.length(); i++) {
      char c = primaryKey.charAt(i);
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (c == ',' && depth == 0) {
        return primaryKey.substring(0, i);
      }
    }
    return primaryKey;
  }

  String keyType() {
    if (keyType == null) {
      keyType =
          (String)
              clickHouse.value("SELECT toTypeName(" + key() + ") FROM " + quoted() + " LIMIT 1");
    }
    return keyType;
  }

  /** The whole table in slices of about this many rows. */
  List<Slice> slices(long rows) {
    if (!mergeTree) {
      return List.of(new Slice(List.of(), null, null, 1, 0));
    }
    List<Slice> slices = new ArrayList<>();
    List<String> small = new ArrayList<>();
    long together = 0;
    for (Map.Entry<String, Long> partition : partitions().entrySet()) {
      if (!small.isEmpty() && together + partition.getValue() > rows) {
        slices.add(new Slice(List.copyOf(small), null, null, 1, 0));
        small.clear();
        together = 0;
      }
      if (partition.getValue() > rows + rows / 2) {
        slices.addAll(
            divide(
                new Slice(List.of(partition.getKey()), null, null, 1, 0),
                (int) Math.min(10_000, (partition.getValue() + rows - 1) / rows)));
      } else {
        small.add(partition.getKey());
        together += partition.getValue();
      }
    }
    if (!small.isEmpty()) {
      slices.add(new Slice(List.copyOf(small), null, null, 1, 0));
    }
    return slices;
  }

  private Map<String, Object> names() {
    Map<String, Object> names = new HashMap<>();
    names.put("database", Columns.database(table));
    names.put("table", Columns.name(table));
    return names;
  }

  /** The partitions' ids with their rows; none where the table has no parts of its own. */
  Map<String, Long> partitions() {
    Map<String, Long> partitions = new LinkedHashMap<>();
    if (mergeTree) {
      clickHouse
          .rows(sql.section("partitions").sql(names()), Map.of())
          .forEach(
              row ->
                  partitions.put(
                      (String) row.get("partition_id"), ((Number) row.get("n")).longValue()));
    }
    return partitions;
  }

  /**
   * Divides a slice: by its partitions, else by key ranges as the primary index has them, else by
   * the rows' hashes.
   *
   * @param pieces about how many
   */
  List<Slice> divide(Slice slice, int pieces) {
    if (slice.partitions().size() > 1) {
      int middle = slice.partitions().size() / 2;
      return List.of(
          new Slice(slice.partitions().subList(0, middle), null, null, 1, 0),
          new Slice(
              slice.partitions().subList(middle, slice.partitions().size()), null, null, 1, 0));
    }
    List<String> borders = slice.of() > 1 || key() == null ? List.of() : borders(slice, pieces);
    if (borders.isEmpty()) {
      return List.of(
          new Slice(slice.partitions(), slice.from(), slice.to(), slice.of() * 2, slice.part()),
          new Slice(
              slice.partitions(),
              slice.from(),
              slice.to(),
              slice.of() * 2,
              slice.part() + slice.of()));
    }
    List<Slice> slices = new ArrayList<>();
    String from = slice.from();
    for (String border : borders) {
      slices.add(new Slice(slice.partitions(), from, border, 1, 0));
      from = border;
    }
    slices.add(new Slice(slice.partitions(), from, slice.to(), 1, 0));
    return slices;
  }

  private List<String> borders(Slice slice, int pieces) {
    Map<String, Object> own = names();
    own.put("key", new Raw(Quoted.name(key())));
    own.put("partitions", slice.partitions());
    List<String> bounds = new ArrayList<>(List.of("1"));
    if (slice.from() != null) {
      bounds.add("k > CAST(" + Quoted.text(slice.from()) + " AS " + keyType() + ")");
    }
    if (slice.to() != null) {
      bounds.add("k < CAST(" + Quoted.text(slice.to()) + " AS " + keyType() + ")");
    }
    own.put("bounds", new Raw(String.join(" AND ", bounds)));
    List<String> values = new ArrayList<>();
    List<Long> rows = new ArrayList<>();
    try {
      clickHouse.stream(
          sql.section("key-borders").sql(own),
          Map.of(),
          row -> {
            if (row.get("v") != null) {
              values.add((String) row.get("v"));
              rows.add(((Number) row.get("n")).longValue());
            }
          });
    } catch (ClickHouseException e) {
      if (e.passes()) {
        throw e;
      }
      return List.of();
    }
    long total = rows.stream().mapToLong(Long::longValue).sum();
    List<String> borders = new ArrayList<>();
    long sum = 0;
    for (int i = 0; i + 1 < values.size(); i++) {
      sum += rows.get(i);
      if (sum >= total * (borders.size() + 1.0) / pieces && borders.size() < pieces - 1) {
        borders.add(values.get(i + 1));
      }
    }
    return borders;
  }
}
