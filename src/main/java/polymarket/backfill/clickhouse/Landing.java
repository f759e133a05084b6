package polymarket.backfill.clickhouse;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import polymarket.backfill.Sha256;

/**
 * The way of rows into the tables of an SQL file: its tables of the engine Null, which keep
 * nothing, such as {@code default.<job>_landing}, and the materialized views that read them, each
 * named after the table that it reads: {@code default.<job>_to_…}. The tables' comment names the
 * text that all of it was made from. A ClickHouse that has them from another text, as after an
 * update of the program, gets new ones; no row is lost, because they store none.
 */
final class Landing {

  private static final Pattern VIEW =
      Pattern.compile("^CREATE MATERIALIZED VIEW (?:IF NOT EXISTS )?default\\.(\\w+)");

  private static final Pattern TABLE =
      Pattern.compile(
          "^CREATE TABLE (?:IF NOT EXISTS )?default\\.(\\w+)\\b.*\\bENGINE = Null$",
          Pattern.DOTALL);

  private final String file;

  /** Their names in the database default. */
  private final Set<String> tables = new LinkedHashSet<>();

  private final Set<String> views = new HashSet<>();
  private final List<String> statements;
  private final String comment;

  private Landing(SqlFile file) {
    this.file = file.name();
    statements =
        file.section("setup").statements().stream()
            .filter(statement -> takes(TABLE, statement, tables) || takes(VIEW, statement, views))
            .toList();
    comment =
        "passes rows on, keeps none; made from "
            + Sha256.hex(
                statements.stream().map(SqlFile::withoutOrigin).collect(Collectors.joining(";\n")),
                16);
  }

  private static boolean takes(Pattern pattern, String statement, Set<String> names) {
    Matcher matcher = pattern.matcher(SqlFile.withoutOrigin(statement));
    boolean found = matcher.find();
    if (found) {
      names.add(matcher.group(1));
    }
    return found;
  }

  /** That of an SQL file, such as a job's; without statements where it has none. */
  static Landing of(SqlFile file) {
    return new Landing(file);
  }

  /** The statements that make the tables and the views, in their order. */
  List<String> statements() {
    return statements;
  }

  /**
   * What of several files is in the database: name, comment, engine and as_select of their tables
   * and of all materialized views. One query for all of them: the definitions of views cost it most
   * of its time.
   */
  private static List<Map<String, Object>> present(ClickHouse clickHouse, List<Landing> landings) {
    Set<String> names = new LinkedHashSet<>();
    landings.forEach(landing -> names.addAll(landing.tables));
    if (names.isEmpty()) {
      return List.of();
    }
    return clickHouse.rows(
        SqlFile.fill(
            "SELECT name, comment, engine, as_select FROM system.tables WHERE database ="
                + " 'default' AND (engine = 'MaterializedView' OR name IN ({tables}))",
            Map.of("tables", names)),
        Map.of());
  }

  /**
   * The comments, by their names, of the tables, of the file's views, and of the views that an
   * earlier version of the file made to read the tables.
   */
  private Map<String, String> found(List<Map<String, Object>> present) {
    Map<String, String> found = new HashMap<>();
    for (Map<String, Object> row : present) {
      String name = String.valueOf(row.get("name"));
      boolean view = "MaterializedView".equals(row.get("engine"));
      if (tables.contains(name)
          || view && (views.contains(name) || reads(name, String.valueOf(row.get("as_select"))))) {
        found.put(name, String.valueOf(row.get("comment")));
      }
    }
    return found;
  }

  private boolean reads(String view, String select) {
    return tables.stream()
        .anyMatch(
            table ->
                view.startsWith(table.replaceFirst("_landing$", "") + "_to_")
                    && select.contains(table));
  }

  /** Whether the ClickHouse has what the SQL files say. */
  static boolean areCurrent(ClickHouse clickHouse, List<Landing> landings) {
    List<Map<String, Object>> present = present(clickHouse, landings);
    return landings.stream().allMatch(landing -> landing.isCurrent(present));
  }

  private boolean isCurrent(List<Map<String, Object>> present) {
    Map<String, String> found = found(present);
    return tables.stream().allMatch(table -> comment.equals(found.get(table)))
        && found.keySet().containsAll(views);
  }

  /**
   * Makes what the SQL files say, unless it is there or a run goes on that uses it.
   *
   * @param landings those that a job is about to use, by the job's name
   */
  static void create(ClickHouse clickHouse, Map<String, List<Landing>> landings) {
    List<Map<String, Object>> present =
        present(clickHouse, landings.values().stream().flatMap(List::stream).toList());
    landings.forEach(
        (job, used) ->
            used.stream()
                .filter(landing -> !landing.isCurrent(present))
                .forEach(
                    landing ->
                        JobLock.whileFree(
                            clickHouse,
                            List.of(landing.file, job),
                            () -> landing.makeAnew(clickHouse))));
  }

  private void makeAnew(ClickHouse clickHouse) {
    List<Map<String, Object>> present = present(clickHouse, List.of(this));
    if (isCurrent(present)) {
      return;
    }
    Set<String> old = new HashSet<>(found(present).keySet());
    old.addAll(views);
    old.removeAll(tables);
    old.forEach(view -> clickHouse.execute("DROP VIEW IF EXISTS default." + view));
    tables.forEach(table -> clickHouse.execute("DROP TABLE IF EXISTS default." + table));
    statements.forEach(clickHouse::execute);
    // the last step: without it, all of this is repeated
    tables.forEach(
        table ->
            clickHouse.execute(
                "ALTER TABLE default." + table + " MODIFY COMMENT '" + comment + "'"));
  }
}
