package polymarket.backfill.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;

/**
 * Puts ids into the ledgers of jobs before they run: those of a list, or those that the query
 * {@code @ids} of a job's SQL file finds missing. Says what it found.
 */
public final class IdLoader {

  /** At most this many invalid lines are shown. */
  private static final int BAD_LINES_SHOWN = 20;

  /** The number of ids in one query that assigns them to jobs. */
  private static final int TAKEN_AT_ONCE = 20_000;

  /** States of ids that a source had no answer for. */
  private static final List<State> LEFT = List.of(State.ABSENT, State.UNRESOLVED, State.FAILED);

  /**
   * A list of ids.
   *
   * @param name as the person gave it: a file, or - for standard input
   * @param file what is read: the same, or a copy
   * @param column the column or field that holds the ids; null for plain lists
   * @param strict whether a list with an invalid entry is rejected
   */
  public record Listed(String name, String file, String column, boolean strict) {

    public Listed(String name, String column, boolean strict) {
      this(name, name, column, strict);
    }
  }

  /** Which of a ledger's ids a person asks for again. */
  public enum Redone {
    NOTHING,
    SOME,
    ALL
  }

  private final Settings settings;
  private final ClickHouse clickHouse;
  private final Path home;
  private final BooleanSupplier stopped;
  private final Messages messages;

  /** Of jobs that share a list, the first one reports invalid entries. */
  private boolean badTold;

  private Views.Made views;

  /**
   * @param home the program's folder
   * @param stopped whether the run was asked to end, so that no more of a list is read
   */
  public IdLoader(
      Settings settings,
      ClickHouse clickHouse,
      Path home,
      BooleanSupplier stopped,
      Messages messages) {
    this.settings = settings;
    this.clickHouse = clickHouse;
    this.home = home;
    this.stopped = stopped;
    this.messages = messages;
  }

  /** The list in a form that several jobs can read: a copy of a pipe or standard input. */
  public Listed forSeveral(Listed list, IdKind kind) {
    if (!IdList.once(list.name())) {
      return list;
    }
    try {
      Path copy = Files.createTempFile("backfill-ids", ".txt");
      copy.toFile().deleteOnExit();
      IdList.copy(list.name(), kind, list.column(), stopped, copy);
      return new Listed(list.name(), copy.toString(), list.column(), list.strict());
    } catch (IOException e) {
      throw new UserError("cannot write a temporary file for the ids: " + UserError.reason(e));
    }
  }

  /**
   * Loads a list into a job's ledger; where jobs share a list, the job takes its own ids.
   *
   * @param source the source that was chosen for the job; empty where it has one only
   * @throws UserError where the list cannot be read, or is rejected
   */
  public void load(Job job, String source, Ledger ledger, Listed list) {
    around(job, ledger, () -> new ListLoading(list, job, source).into(ledger));
  }

  /**
   * Loads what a job's query finds missing; nothing where the job has no query.
   *
   * @param redone what is asked for again anyway, so that no new pass is begun
   * @throws UserError where there is nothing to load from and nothing in the ledger
   */
  public void load(Job job, String source, Ledger ledger, Period period, Redone redone) {
    around(
        job,
        ledger,
        () -> {
          if (job.sql().has("ids")) {
            boolean stages = job.sql().has("ids-after");
            boolean whole = stages && period.window().all();
            boolean underWay = stages && ledger.pass() != null;
            boolean done = !underWay && isDone(ledger);
            List<String> pass = new QueryLoading(job, source, period, ledger).load();
            if (whole && !underWay && !done && !pass.isEmpty()) {
              ledger.begin(pass);
            }
            if (!pass.isEmpty() && done && redone == Redone.NOTHING) {
              ledger.redoOnly(pass, whole);
              messages.info(
                  job.getName()
                      + ": the last pass is finished, so this is a new one, which replaces its"
                      + " rows");
            }
          }
        });
  }

  /** Gives the ids that a query of a job's SQL file finds, in their stored form. */
  public static void ids(ClickHouse clickHouse, Job job, String sql, Consumer<String> to) {
    clickHouse.stream(
        sql,
        Map.of(),
        row -> {
          String id = job.idKind().normalise(String.valueOf(row.get("id")));
          if (id != null) {
            to.accept(id);
          }
        });
  }

  /** Lets a pass that was begun by asking for everything again have its further stages. */
  public void redone(Job job, Ledger ledger, Period period) {
    if (job.sql().has("ids-after") && period.window().all()) {
      ledger.stages();
    }
  }

  /** Whether all ids of a ledger are done, and it has some. */
  private static boolean isDone(Ledger ledger) {
    Map<State, Long> counts = ledger.counts(Share.WHOLE);
    return ledger.size(Share.WHOLE) > 0
        && counts.get(State.PENDING) + counts.get(State.FAILED) == 0;
  }

  /** What is done with a ledger that had ids before, whatever was loaded. */
  private void around(Job job, Ledger ledger, Runnable loading) {
    long before = ledger.size(Share.WHOLE);
    loading.run();
    if (before > 0 && job.sql().has("again")) {
      askAgain(job, ledger);
    }
    Map<State, Long> counts = ledger.counts(Share.WHOLE);
    long failed = counts.get(State.FAILED);
    long open = counts.get(State.PENDING) + failed;
    long size = ledger.size(Share.WHOLE);
    if (before > 0) {
      messages.info(
          job.getName()
              + ": the ledger has "
              + Messages.count(size, "id")
              + ", "
              + Messages.count(size - open)
              + " of them done, "
              + Messages.count(open)
              + " to do"
              + (failed == 0 ? "" : " (" + Messages.count(failed) + " failed before)"));
    }
  }

  /** The views that queries for missing ids read: created once, whichever jobs of a run ask. */
  private Views.Made views() {
    if (views == null) {
      views = Views.refresh(clickHouse, settings, Job.names(home));
    }
    return views;
  }

  /**
   * Makes ids pending again if relevant information about them has arrived since they were fetched.
   */
  private void askAgain(Job job, Ledger ledger) {
    SqlFile.Section section = job.sql().section("again");
    long[] again = {0};
    clickHouse.stream(
        section.sql(Map.of()),
        Map.of(),
        row ->
            again[0] +=
                ledger.again(
                        String.valueOf(row.get("id")),
                        Long.parseLong(String.valueOf(row.get("since"))))
                    ? 1
                    : 0);
    if (again[0] > 0) {
      messages.info(
          job.getName()
              + ": "
              + Messages.count(again[0], "id")
              + " will be fetched again, because "
              + section.title());
    }
  }

  /** A list being loaded into one job's ledger. */
  private final class ListLoading {

    private final Listed list;
    private final Job job;
    private final String source;
    private final List<IdList.Bad> bad = new ArrayList<>();
    private long badCount;
    private long others;
    private long unknown;
    private IdList.Summary summary;

    /** The ranges in the ledger; null for other ids. */
    private KnownRanges known;

    ListLoading(Listed list, Job job, String source) {
      this.list = list;
      this.job = job;
      this.source = source;
    }

    void into(Ledger ledger) {
      long before = ledger.size(Share.WHOLE);
      Ledger.Loaded loaded =
          job.idKind() == IdKind.RANGE ? ranges(ledger) : ledger.load(this::read);
      tellBad();
      messages.info(
          job.getName()
              + ": "
              + Messages.count(loaded.distinct(), "id")
              + " in "
              + (list.name().equals("-") ? "standard input" : list.name())
              + (loaded.entries() > loaded.distinct()
                  ? " (" + Messages.count(loaded.entries() - loaded.distinct()) + " repeated)"
                  : "")
              + (badCount > 0
                  ? " ("
                      + summary.parts(badCount)
                      + (badCount == 1 ? " is not an id" : " are not ids")
                      + ")"
                  : "")
              + (others > 0
                  ? ", apart from " + Messages.count(others) + " that another source has"
                  : "")
              + (before > 0 ? ", " + Messages.count(loaded.added()) + " of them new" : ""));
      if (unknown > 0) {
        messages.warn(
            job.getName()
                + ": "
                + Messages.count(unknown)
                + " "
                + job.sql().section("unknown").title());
      }
    }

    /** What the ledger has of a range stays as it is; the other parts are added. */
    private Ledger.Loaded ranges(Ledger ledger) {
      List<Ledger.Loaded> loaded = new ArrayList<>();
      ledger.alone(
          () -> {
            known = new KnownRanges(ledger.ids());
            loaded.add(ledger.load(this::read));
          });
      return loaded.get(0);
    }

    private void read(Ledger.Loading loading) {
      List<String> waiting = new ArrayList<>();
      summary =
          IdList.read(
              list.file(),
              job.idKind(),
              list.column(),
              stopped,
              id -> {
                waiting.add(id);
                if (waiting.size() == TAKEN_AT_ONCE) {
                  take(waiting, loading);
                }
              },
              line -> {
                if (badCount++ < BAD_LINES_SHOWN) {
                  bad.add(line);
                }
              });
      take(waiting, loading);
      if (list.strict() && badCount > 0) {
        throw new UserError(
            list.name()
                + ": line "
                + bad.get(0).line()
                + " is not a "
                + job.idKind().label()
                + ": '"
                + Messages.shown(bad.get(0).text())
                + "'"
                + (badCount > 1 ? ", and " + (badCount - 1) + " more" : "")
                + "; --strict rejects such a file");
      }
    }

    /** Adds the ids of a list that belong to this job, if jobs share a list. */
    private void take(List<String> waiting, Ledger.Loading loading) {
      Set<String> taken = Parts.own(clickHouse, job, source, waiting);
      List<String> own = waiting.stream().filter(taken::contains).toList();
      if (known == null) {
        own.forEach(loading::add);
      } else {
        own.forEach(id -> known.add(whole(id), loading::add));
      }
      if (!own.isEmpty() && job.sql().has("unknown")) {
        clickHouse.stream(
            job.sql().section("unknown").sql(Map.of("list", own)),
            Map.of(),
            row -> unknown += Long.parseLong(String.valueOf(row.get("ids"))));
      }
      others += waiting.size() - own.size();
      waiting.clear();
    }

    private String whole(String id) {
      try {
        return Ranges.whole(job, id);
      } catch (UserError e) {
        throw new UserError(list.name() + ": " + e.getMessage());
      }
    }

    private void tellBad() {
      if (badTold) {
        return;
      }
      badTold = true;
      for (IdList.Bad line : bad) {
        messages.warn(
            list.name()
                + ":"
                + line.line()
                + ": not a "
                + job.idKind().label()
                + ", ignored: '"
                + Messages.shown(line.text())
                + "'");
      }
      if (badCount > bad.size()) {
        messages.warn(
            list.name()
                + ": "
                + summary.parts(badCount - bad.size())
                + " more: no "
                + job.idKind().label());
      }
    }
  }

  /** The answer of a job's query {@code @ids} being loaded into its ledger. */
  private final class QueryLoading {

    private final Job job;
    private final String source;
    private final Period period;
    private final Ledger ledger;
    private final SqlFile.Section query;

    /** The table that the query reads; null where it is not said. */
    private final String needed;

    /** Whether the job can do without an answer, because its ledger has ids. */
    private final boolean hasIds;

    private final long before;
    private final List<String> pass = new ArrayList<>();

    QueryLoading(Job job, String source, Period period, Ledger ledger) {
      this.job = job;
      this.source = source;
      this.period = period;
      this.ledger = ledger;
      this.query = job.sql().section("ids");
      this.needed = query.attributes().get("needs");
      this.before = ledger.size(Share.WHOLE);
      this.hasIds = loadLeft() || before > 0;
    }

    /**
     * @return the ids of the pass, for jobs that ask for all of theirs in passes
     */
    List<String> load() {
      checkInput();
      try {
        Ledger.Loaded loaded = ledger.load(this::read);
        if (!hasIds && loaded.distinct() == 0 && needed != null && isEmpty(needed)) {
          throw empty("run the job that fills it, or give a list with --ids FILE");
        }
        messages.info(
            job.getName()
                + ": "
                + Messages.count(loaded.distinct(), "id")
                + (job.isPass()
                    ? " in this pass"
                    : loaded.distinct() == 1
                        ? " is missing in ClickHouse"
                        : " are missing in ClickHouse")
                + (before > 0 ? ", " + Messages.count(loaded.added()) + " of them new" : ""));
      } catch (ClickHouseException e) {
        String why =
            "without --ids, "
                + job.getName()
                + " queries ClickHouse for the missing ids, and that failed: "
                + e.getMessage()
                + ". Give a list with --ids FILE";
        if (!hasIds) {
          throw new UserError(why);
        }
        messages.warn(why + "; continuing with the ids in the ledger");
      }
      return pass;
    }

    /** Makes the views that the query reads, and says what they are made of. */
    private void checkInput() {
      Views.Made views = views();
      String note = views.notes().get(needed);
      if (views.reads().containsKey(needed)) {
        messages.info(job.getName() + ": ids from " + views.reads().get(needed));
      }
      for (SqlFile.Section line : job.sql().sections("note")) {
        clickHouse
            .rows(line.sql(Map.of()), Map.of())
            .forEach(row -> messages.info(job.getName() + ": " + row.get("line")));
      }
      if (note != null && !hasIds) {
        throw new UserError(
            "without --ids, "
                + job.getName()
                + " takes its ids from "
                + needed
                + ", but "
                + note
                + ". Or give a list with --ids FILE");
      }
      String filled = query.attributes().get("filled");
      if (filled != null && !hasIds && isEmpty(needed)) {
        throw empty("`backfill run " + filled + "` fills it. Or give a list with --ids FILE");
      }
    }

    private boolean isEmpty(String table) {
      return clickHouse.rows("SELECT 1 FROM " + table + " LIMIT 1", Map.of()).isEmpty();
    }

    private UserError empty(String whatToDo) {
      return new NoIdsYetException(
          "without --ids, "
              + job.getName()
              + " takes its ids from "
              + needed
              + ", which is empty: "
              + whatToDo);
    }

    private void read(Ledger.Loading loading) {
      Window window = ledger.window();
      String sql =
          query.sql(
              Map.of(
                  "source",
                  source,
                  "since",
                  window.all() ? period.first() : Instant.ofEpochSecond(window.since()).toString(),
                  "until",
                  window.all() ? period.last() : Instant.ofEpochSecond(window.until()).toString()));
      ids(
          clickHouse,
          job,
          sql,
          id -> {
            loading.add(id);
            if (job.isPass()) {
              pass.add(id);
            }
          });
    }

    /**
     * Adds what another job's source had no answer for.
     *
     * @return whether there was something
     */
    private boolean loadLeft() {
      LedgerPlace left =
          job.getLeftBy().isEmpty() ? null : LedgerPlace.of(settings, job.getLeftBy());
      if (left == null || !left.exists()) {
        return false;
      }
      Ledger.Loaded loaded;
      try (Ledger other = Ledger.open(left)) {
        loaded =
            ledger.load(
                loading ->
                    LEFT.forEach(
                        state ->
                            other.entries(
                                state, Long.MAX_VALUE, entry -> loading.add(entry.id()))));
      }
      messages.info(
          job.getName()
              + ": "
              + Messages.count(loaded.distinct(), "id")
              + (loaded.distinct() == 1 ? " was" : " were")
              + " left without an answer by "
              + job.getLeftBy()
              + (loaded.added() < loaded.distinct()
                  ? ", " + Messages.count(loaded.added()) + " of them new"
                  : ""));
      return loaded.entries() > 0;
    }
  }
}
