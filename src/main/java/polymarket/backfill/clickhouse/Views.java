package polymarket.backfill.clickhouse;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;

/** Creates the tables of the jobs and the views over them, from the files in sql/. */
public final class Views {

  /**
   * No table of that name, or one that is there already: what a process sees while another one
   * replaces a view.
   */
  private static final Set<Integer> REPLACED = Set.of(57, 60, 741);

  private static final Pattern TABLE =
      Pattern.compile("^CREATE TABLE IF NOT EXISTS (\\w+\\.\\w+)\\b");

  private static final int TRIES = 5;
  private static final String READS = "reads";

  private Views() {}

  /**
   * Creates the tables that a job stores into, where they do not exist. Its landing table and the
   * views behind it are recreated where they differ from the SQL file, unless a run uses them: see
   * {@link Landing}.
   */
  public static void create(ClickHouse clickHouse, String job) {
    create(clickHouse, List.of(job));
  }

  /** The same for several jobs; what they share is created once. */
  public static void create(ClickHouse clickHouse, Collection<String> jobs) {
    Map<String, SqlFile> files = new LinkedHashMap<>();
    // the views read them, whichever jobs there are
    List.of("tables", "mapping-tables").forEach(name -> files.put(name, SqlFile.read(name)));
    Map<String, List<Landing>> landings = new LinkedHashMap<>();
    for (String job : jobs) {
      Map<String, SqlFile> own = with(job);
      files.putAll(own);
      landings.put(job, own.values().stream().map(Landing::of).toList());
    }
    Set<String> statements = new LinkedHashSet<>();
    files.values().forEach(file -> statements.addAll(file.section("setup").statements()));
    landings.values().stream()
        .flatMap(List::stream)
        .forEach(landing -> statements.removeAll(landing.statements()));
    again(
        () -> {
          // asked at each try: another process may have made a table meanwhile
          Set<String> present = tables(clickHouse);
          statements.stream()
              .filter(statement -> !makesOneOf(present, statement))
              .forEach(clickHouse::execute);
          Landing.create(clickHouse, landings);
        });
  }

  /**
   * The names of all tables with their databases. None on a cluster: what is here may be missing on
   * a replica that was added later, and CREATE … ON CLUSTER makes it there.
   */
  private static Set<String> tables(ClickHouse clickHouse) {
    Set<String> names = new HashSet<>();
    if (clickHouse.isCluster()) {
      return names;
    }
    clickHouse.stream(
        "SELECT database, name FROM system.tables WHERE database NOT IN ('system',"
            + " 'information_schema', 'INFORMATION_SCHEMA')",
        Map.of(),
        row -> names.add(row.get("database") + "." + row.get("name")));
    return names;
  }

  /**
   * Whether a statement has nothing to do, because it makes a table that is there. One of the
   * user's own files is run all the same, so that a mistake in it is reported.
   */
  private static boolean makesOneOf(Set<String> present, String statement) {
    Matcher matcher = TABLE.matcher(statement);
    return SqlFile.withoutOrigin(statement).equals(statement)
        && matcher.find()
        && present.contains(matcher.group(1));
  }

  /**
   * @throws UserError where a job's landing table or views still differ from the SQL file, because
   *     a run uses them
   */
  public static void requireCurrent(ClickHouse clickHouse, String job) {
    // the way through another job's tables is that job's own
    List<Landing> landings =
        with(job).entrySet().stream()
            .filter(file -> file.getKey().equals(job) || !file.getValue().has("present"))
            .map(file -> Landing.of(file.getValue()))
            .toList();
    if (!Landing.areCurrent(clickHouse, landings)) {
      throw new UserError(
          job
              + ": its landing table and views are from another version of its SQL file, and a run"
              + " that uses them is not finished (one that was killed counts for a minute): wait"
              + " for it or stop it, then run this again");
    }
  }

  /**
   * Jobs that start at the same time create the same tables: if they conflict, all of it is
   * repeated.
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
    with(job).values().forEach(file -> statements.addAll(file.section("setup").statements()));
    return List.copyOf(statements);
  }

  /** The file of a job, behind the files that its setup names and those that theirs name. */
  private static Map<String, SqlFile> with(String job) {
    Map<String, SqlFile> files = new LinkedHashMap<>();
    SqlFile file = SqlFile.read(job);
    String after = file.section("setup").attributes().get("after");
    if (after != null) {
      Arrays.stream(after.split(",")).forEach(before -> files.putAll(with(before)));
    }
    files.put(job, file);
    return files;
  }

  /**
   * The result of creating the views.
   *
   * @param made the views' names with their databases
   * @param notes why a view was not made, or made without the rows that it is to show, by its name
   * @param reads which columns of a table of others a view reads, by its name
   * @param refused those of the notes that tell of a table that is there and has nothing that the
   *     view could read
   */
  public record Made(
      List<String> made,
      Map<String, String> notes,
      Map<String, String> reads,
      List<String> refused) {}

  /**
   * Creates the missing tables of all jobs, and recreates all views. A view that cannot be made
   * does not stop the others: it is made as its section {@code -- @without} says, where it has one.
   */
  public static Made refresh(ClickHouse clickHouse, Settings settings, List<String> jobs) {
    create(clickHouse, jobs);
    Made made =
        new Made(
            new ArrayList<>(), new LinkedHashMap<>(), new LinkedHashMap<>(), new ArrayList<>());
    SqlFile file = SqlFile.read("views");
    for (SqlFile.Section view : file.sections("view")) {
      refresh(clickHouse, settings, file, view, made);
    }
    return made;
  }

  private static void refresh(
      ClickHouse clickHouse, Settings settings, SqlFile file, SqlFile.Section view, Made made) {
    String name = view.title();
    // a table that a person has from elsewhere may be of any engine
    Map<String, Object> values = new HashMap<>();
    values.put(
        "final_of_resolutions",
        new SqlFile.Raw(Columns.finalOf(clickHouse, "default.market_resolutions_final")));
    String why = missing(clickHouse, settings, view);
    if (view.attributes().containsKey(READS)) {
      TradesInput input = TradesInput.of(clickHouse, settings);
      if (why == null) {
        values.putAll(input.values());
        made.reads().put(name, input.reads());
      } else if (!input.isMissing()) {
        made.refused().add(why);
      }
    }
    if (why == null) {
      why = make(clickHouse, view, values);
    }
    if (why == null) {
      made.made().add(name);
      return;
    }
    SqlFile.Section without =
        file.sections("without").stream()
            .filter(other -> other.title().equals(name))
            .findFirst()
            .orElse(null);
    if (without != null && make(clickHouse, without, Map.of()) == null) {
      made.made().add(name);
      why += " (until then it is empty)";
    }
    made.notes().put(name, why + "; then run `backfill views`");
  }

  /** Makes a view; where ClickHouse refuses it, gives the reason. */
  private static String make(
      ClickHouse clickHouse, SqlFile.Section view, Map<String, Object> values) {
    try {
      again(() -> clickHouse.execute(view, values));
      return null;
    } catch (ClickHouseException e) {
      if (e.passes()) {
        throw e;
      }
      return e.getMessage();
    }
  }

  /**
   * Why the tables that a section reads cannot be read: one that it needs ({@code needs=},
   * separated by commas) is not there, or a person's own ({@code reads=}) has no column that it
   * could read; null where all is there.
   */
  public static String missing(ClickHouse clickHouse, Settings settings, SqlFile.Section section) {
    String reads = section.attributes().get(READS);
    if (reads != null && !reads.equals(TradesInput.SETTING)) {
      throw new IllegalArgumentException("no table of others is read as " + reads);
    }
    String problem = reads == null ? null : TradesInput.of(clickHouse, settings).problem();
    if (problem != null) {
      return problem;
    }
    String tables = section.attributes().getOrDefault("needs", "");
    return Arrays.stream(tables.split(","))
        .filter(table -> !table.isEmpty())
        .filter(
            table -> {
              int dot = table.indexOf('.');
              return !clickHouse.has(table.substring(0, dot), table.substring(dot + 1));
            })
        .findFirst()
        .map(table -> "there is no table " + table)
        .orElse(null);
  }
}
