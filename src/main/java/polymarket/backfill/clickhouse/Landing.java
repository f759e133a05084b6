package polymarket.backfill.clickhouse;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The way of a job's rows into its tables: the landing table {@code default.<job>_landing}, which
 * keeps nothing, and the materialized views {@code default.<job>_to_…} that read it. The landing
 * table's comment names the text that they were made from. A ClickHouse that has them from another
 * text, as after an update of the program, gets them anew; no row is lost, because they hold none.
 */
final class Landing {

  private static final Pattern VIEW =
      Pattern.compile("^CREATE MATERIALIZED VIEW (?:IF NOT EXISTS )?default\\.(\\w+)");

  private final String job;

  /** Its name in the database default. */
  private final String table;

  private final List<String> statements;
  private final Set<String> views = new HashSet<>();
  private final String comment;

  private Landing(String job) {
    this.job = job;
    String prefix = job.replace('-', '_');
    table = prefix + "_landing";
    Pattern own =
        Pattern.compile("^CREATE TABLE (?:IF NOT EXISTS )?default\\." + table + "\\b|" + VIEW);
    statements =
        SqlFile.read(job).section("setup").statements().stream()
            .filter(statement -> own.matcher(statement).find())
            .toList();
    for (String statement : statements) {
      Matcher view = VIEW.matcher(statement);
      if (view.find()) {
        views.add(view.group(1));
      }
    }
    comment = "passes rows on, keeps none; made from " + hash(String.join(";\n", statements));
  }

  /** That of a job, as its SQL file has it; without statements where it has none. */
  static Landing of(String job) {
    return new Landing(job);
  }

  private static String hash(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The statements that make the landing table and the views, in their order. */
  List<String> statements() {
    return statements;
  }

  /** The comments of the landing table and of the views that read it, by their names. */
  private Map<String, String> found(ClickHouse clickHouse) {
    Map<String, String> found = new HashMap<>();
    clickHouse
        .rows(
            "SELECT name, comment FROM system.tables WHERE database = 'default' AND (name ="
                + " {table:String} OR engine = 'MaterializedView' AND startsWith(name,"
                + " {views:String}) AND position(as_select, {table:String}) > 0)",
            Map.of("table", table, "views", job.replace('-', '_') + "_to_"))
        .forEach(
            row -> found.put(String.valueOf(row.get("name")), String.valueOf(row.get("comment"))));
    return found;
  }

  /** Whether the ClickHouse has what the SQL file says. */
  boolean isCurrent(ClickHouse clickHouse) {
    if (statements.isEmpty()) {
      return true;
    }
    Map<String, String> found = found(clickHouse);
    return comment.equals(found.get(table)) && found.keySet().containsAll(views);
  }

  /** Makes what the SQL file says, unless it is there or a run of the job goes on. */
  void create(ClickHouse clickHouse) {
    if (!isCurrent(clickHouse)) {
      JobLock.whileFree(clickHouse, job, () -> makeAnew(clickHouse));
    }
  }

  private void makeAnew(ClickHouse clickHouse) {
    if (isCurrent(clickHouse)) {
      return;
    }
    Set<String> old = new HashSet<>(found(clickHouse).keySet());
    old.addAll(views);
    old.remove(table);
    old.forEach(view -> clickHouse.execute("DROP VIEW IF EXISTS default." + view));
    clickHouse.execute("DROP TABLE IF EXISTS default." + table);
    statements.forEach(clickHouse::execute);
    // the last step: without it, all of this is done again
    clickHouse.execute("ALTER TABLE default." + table + " MODIFY COMMENT '" + comment + "'");
  }
}
