package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The sections of a job's SQL file that are the same for every job, made from its line {@code --
 * @job target=… key=… id=… source=…} where the file does not have its own.
 */
final class JobSql {

  private final SqlFile file;
  private final String target;
  private final String rejected;
  private final String landing;

  /** The column with the id; null where all rows of a batch are of its one id. */
  private final String id;

  private final List<String> key;

  /** Confines the target to the rows of this job; empty where all are. */
  private final String own;

  JobSql(String name, SqlFile file, SqlFile.Section head) {
    this.file = file;
    String table = "default." + name.replace('-', '_');
    this.target = required(head, "target", "default.my_rows");
    this.id = head.attributes().get("id");
    LinkedHashSet<String> columns = new LinkedHashSet<>();
    if (id != null) {
      columns.add(id);
    }
    columns.addAll(List.of(required(head, "key", "condition_id").split(",")));
    this.key = List.copyOf(columns);
    String source = head.attributes().get("source");
    this.own = source == null ? "" : "source = '" + source + "'";
    this.rejected = table + "_rejected";
    this.landing = table + "_landing";
  }

  private String required(SqlFile.Section head, String attribute, String example) {
    String value = head.attributes().get(attribute);
    if (value == null) {
      throw file.error(
          head.line(), "@job takes " + attribute + "=…, such as " + attribute + "=" + example);
    }
    return value;
  }

  /** The file's sections, with those that it does not have itself. */
  List<SqlFile.Section> complete(List<SqlFile.Section> given) {
    List<SqlFile.Section> all = new ArrayList<>(given);
    if (file.has("rejected")) {
      SqlFile.Section setup = file.section("setup");
      List<String> statements = new ArrayList<>(setup.statements());
      statements.addAll(rejectedTable(file.section("rejected")));
      all.replaceAll(
          section ->
              section == setup
                  ? new SqlFile.Section(
                      "setup", setup.title(), setup.attributes(), statements, setup.line())
                  : section);
    }
    add(all, "has-rows", Map.of(), hasRows());
    add(all, "present", Map.of(), present());
    add(all, "stored", Map.of(), stored());
    if (!file.has("replaced")) {
      add(all, "redone", Map.of("tables", target), null);
    }
    return all;
  }

  private void add(
      List<SqlFile.Section> all, String name, Map<String, String> attributes, String statement) {
    if (!file.has(name)) {
      all.add(
          new SqlFile.Section(
              name, "", attributes, statement == null ? List.of() : List.of(statement), 0));
    }
  }

  private String columns(String prefix) {
    return key.stream().map(column -> prefix + column).collect(Collectors.joining(", "));
  }

  /** A row's key as one text, as keyFields of the definition gives it. */
  private String keyText() {
    return key.size() == 1
        ? "stored." + key.get(0)
        : key.stream()
            .map(column -> "stored." + column)
            .collect(Collectors.joining(", '/', ", "concat(", ")"));
  }

  /**
   * What tells the rows of one id from each other. Of a list they are all rows so far, after each
   * page, and hashes are counted sooner than texts.
   */
  private String rows() {
    List<String> rest =
        key.size() > 1 ? key.stream().filter(column -> !column.equals(id)).toList() : key;
    String count = id == null ? "uniqExact(sipHash128(%s))" : "uniqExact(%s)";
    return String.format(
        count, rest.stream().map(column -> "stored." + column).collect(Collectors.joining(", ")));
  }

  private boolean hasRejected() {
    return file.has("rejected")
        || file.has("setup")
            && file.section("setup").statements().stream()
                .anyMatch(statement -> statement.contains(rejected + "\n"));
  }

  private String hasRows() {
    return "SELECT count() FROM (SELECT 1 FROM "
        + target
        + " WHERE "
        + (own.isEmpty() ? "" : own + " AND ")
        + "NOT startsWith(batch, {ledger}) LIMIT 1)";
  }

  private String present() {
    String which = id != null ? "stored." + id + " IN ({ids})" : keyText() + " IN ({keys})";
    String query =
        "SELECT "
            + keyText()
            + " AS key, max(stored.batch = {batch}) AS own FROM "
            + target
            + " AS stored\nWHERE "
            + which
            + (own.isEmpty() ? "" : " AND stored." + own)
            + " AND ({redo} = 0 OR stored.batch = {batch}) GROUP BY "
            + columns("stored.");
    return id != null || !hasRejected()
        ? query
        : query
            + "\nUNION ALL\nSELECT "
            + keyText()
            + ", 1 FROM "
            + rejected
            + " AS stored WHERE "
            + which
            + " AND stored.batch = {batch} GROUP BY "
            + columns("stored.");
  }

  private String stored() {
    // rejected elements without an id are named by what they hold
    String query =
        "SELECT "
            + (id == null ? "{first}" : "stored." + id)
            + " AS id, "
            + rows()
            + " AS rows, 0 AS rejected, '' AS reason FROM "
            + target
            + " AS stored\n"
            + ofBatch(own.isEmpty() ? "" : "stored." + own + " AND ", "");
    return hasRejected()
        ? query
            + "\nUNION ALL\nSELECT "
            + (id == null ? "{first}" : "stored." + id)
            + ", 0, "
            + rows()
            + ", any(stored.reason) FROM "
            + rejected
            + " AS stored\n"
            + ofBatch("", " OR startsWith(stored." + id + ", 'element ')")
        : query;
  }

  private String ofBatch(String condition, String others) {
    return id == null
        ? "WHERE " + condition + "stored.batch = {batch}"
        : "WHERE (stored."
            + id
            + " BETWEEN {first} AND {last}"
            + others
            + ") AND "
            + condition
            + "stored.batch = {batch} GROUP BY stored."
            + id;
  }

  /** The table of rejected rows, and the view that fills it. */
  private List<String> rejectedTable(SqlFile.Section section) {
    String select =
        section.statements().isEmpty()
            ? "SELECT "
                + columns("")
                + ", formatRowNoNewline('JSONEachRow', * EXCEPT (batch, fetched_at)) AS row"
            : section.statements().get(0);
    String name = rejected.substring("default.".length(), rejected.length() - "_rejected".length());
    return List.of(
        "CREATE TABLE IF NOT EXISTS "
            + rejected
            + "\n(\n"
            + key.stream()
                .map(column -> "    " + column + " String CODEC(ZSTD(1)),\n")
                .collect(Collectors.joining())
            + "    reason     LowCardinality(String),\n"
            + "    row        String COMMENT 'as it came, as JSON' CODEC(ZSTD(1)),\n"
            + "    batch      String CODEC(ZSTD(1)),\n"
            + "    fetched_at DateTime64(3, 'UTC')\n"
            + ")\nENGINE = ReplacingMergeTree(fetched_at)\nORDER BY ("
            + columns("")
            + ")\nSETTINGS non_replicated_deduplication_window = 10000",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS default."
            + name
            + "_to_rejected TO "
            + rejected
            + " AS\n"
            + select
            + ",\n    reason, batch, fetched_at\nFROM "
            + landing
            + " AS landing\nWHERE reason != ''");
  }
}
