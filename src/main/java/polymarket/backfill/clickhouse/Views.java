package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/** Makes the tables of the jobs and the views over them, from the files below sql/. */
public final class Views {

  /**
   * No table of that name, or one that is there already: what a process sees while another one
   * replaces a view.
   */
  private static final Set<Integer> REPLACED = Set.of(57, 60, 741);

  private static final int TRIES = 5;

  private Views() {}

  /** Makes what a job stores into, where it is not there. */
  public static void create(ClickHouse clickHouse, String job) {
    again(
        () -> {
          // the views read them, whichever jobs there are
          List.of("tables", "mapping-tables")
              .forEach(file -> clickHouse.execute(SqlFile.read(file).section("setup"), Map.of()));
          setup(job).forEach(clickHouse::execute);
        });
  }

  /**
   * Jobs that begin at the same moment make the same: where they get in each other's way, all of it
   * is made again.
   */
  private static void again(Runnable statements) {
    for (int i = 1; ; i++) {
      try {
        statements.run();
        return;
      } catch (ClickHouseException e) {
        if (i == TRIES || !REPLACED.contains(e.code())) {
          throw e;
        }
        LockSupport.parkNanos(i * 200_000_000L);
      }
    }
  }

  /**
   * The statements that make what a job stores into. Before them stand those of the jobs that its
   * setup names, as in {@code -- @setup after=markets,fills}, because it reads or fills their
   * tables.
   */
  public static List<String> setup(String job) {
    Set<String> statements = new LinkedHashSet<>();
    SqlFile.Section setup = SqlFile.read(job).section("setup");
    if (setup.attributes().containsKey("after")) {
      for (String before : setup.attributes().get("after").split(",")) {
        statements.addAll(setup(before));
      }
    }
    statements.addAll(setup.statements());
    return List.copyOf(statements);
  }

  /**
   * What came of making the views.
   *
   * @param made the views' names with their databases
   * @param notes why a view was not made, or made without the rows that it is to show, by its name
   */
  public record Made(List<String> made, Map<String, String> notes) {}

  /**
   * Makes the tables of all jobs where they are not there, and all views anew. A view that cannot
   * be made does not stop the others: it is made as its section {@code -- @without} says, where it
   * has one.
   */
  public static Made refresh(ClickHouse clickHouse, List<String> jobs) {
    jobs.forEach(job -> create(clickHouse, job));
    List<String> made = new ArrayList<>();
    Map<String, String> notes = new LinkedHashMap<>();
    SqlFile file = SqlFile.read("views");
    for (SqlFile.Section view : file.sections("view")) {
      String missing = missing(clickHouse, view);
      String why = missing != null ? "there is no table " + missing : make(clickHouse, view);
      if (why == null) {
        made.add(view.title());
        continue;
      }
      SqlFile.Section without =
          file.sections("without").stream()
              .filter(other -> other.title().equals(view.title()))
              .findFirst()
              .orElse(null);
      if (without != null && make(clickHouse, without) == null) {
        made.add(view.title());
        why += ", so that it is empty";
      }
      notes.put(
          view.title(),
          why
              + "; "
              + (missing == null ? "mend its SQL in" : "make the table, or name your own in")
              + " src/main/resources/sql/views.sql, and run `backfill views`");
    }
    return new Made(made, notes);
  }

  /** Makes a view; where ClickHouse refuses it, gives the reason. */
  private static String make(ClickHouse clickHouse, SqlFile.Section view) {
    try {
      again(() -> clickHouse.execute(view, Map.of()));
      return null;
    } catch (ClickHouseException e) {
      if (e.passes()) {
        throw e;
      }
      return e.getMessage();
    }
  }

  /**
   * The first of the tables that a section needs, separated by commas, which is not there; null
   * where all are.
   */
  public static String missing(ClickHouse clickHouse, SqlFile.Section section) {
    String tables = section.attributes().getOrDefault("needs", "");
    return Arrays.stream(tables.split(","))
        .filter(table -> !table.isEmpty())
        .filter(
            table -> {
              int dot = table.indexOf('.');
              return !clickHouse.has(table.substring(0, dot), table.substring(dot + 1));
            })
        .findFirst()
        .orElse(null);
  }
}
