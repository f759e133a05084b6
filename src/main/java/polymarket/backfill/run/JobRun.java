package polymarket.backfill.run;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.JobLock;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Span;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.source.AnswerLimits;
import polymarket.backfill.source.Pace;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;

/**
 * One run: opens the ledgers of its jobs, starts Camel with their routes, lets them go through what
 * is pending, and ends with sums that add up or with the word that they do not.
 */
public final class JobRun implements AutoCloseable {

  /** How long what is in flight may take after a stop was asked for. */
  private static final long FINISH_MILLIS = 10_000;

  /** Five minutes, unless a test has no time for them. */
  private static final long STALLED_MILLIS = Long.getLong("backfill.stalled-millis", 300_000);

  /**
   * How much longer than the patience a step may take before nothing is expected of it: half a
   * minute, unless a test has no time for it.
   */
  private static final Duration STEP_MARGIN =
      Duration.ofMillis(Long.getLong("backfill.step-margin-millis", 30_000));

  /** Tables up to this many rows are merged where rows of theirs were replaced. */
  private static final long MERGED_ROWS = Long.getLong("backfill.merged-rows", 10_000_000);

  /**
   * What a person asked for.
   *
   * @param fraction the part of each source's limit to use, 1 for all of it
   * @param limit how many ids to take at most
   * @param window the span of time that rows are fetched for, by jobs that can
   */
  public record Options(Share share, double fraction, long limit, Window window) {

    /** For all times. */
    public Options(Share share, double fraction, long limit) {
      this(share, fraction, limit, Window.ALL);
    }
  }

  /** Sees a run go on; called every second and at the end. */
  public interface Watcher {

    void tick(List<Progress> jobs);

    void ended();
  }

  /**
   * How a run ended.
   *
   * @param reason in one line; null where nothing is to be said
   */
  public record Result(ExitCode exit, RunState state, String reason, List<JobResult> jobs) {

    public int exitCode() {
      return exit.code();
    }
  }

  private final Settings settings;
  private final List<Job> jobs;
  private final ClickHouse clickHouse;
  private final Options options;
  private final Messages messages;
  private final Stop stop = new Stop();
  private final Path runtime;
  private final List<ShareLock> locks = new ArrayList<>();
  private final List<JobLock> jobLocks = new ArrayList<>();
  private final long begun = System.currentTimeMillis();
  private final Map<String, Ledger> ledgers = new LinkedHashMap<>();
  private final Reaches reaches;

  /**
   * Takes the sources' locks, makes the tables where they are not there, and opens the ledgers.
   *
   * @throws UserError where another run holds a source, or a ledger cannot be used
   */
  public JobRun(
      Settings settings,
      List<Job> jobs,
      ClickHouse clickHouse,
      Options options,
      Messages messages) {
    this.settings = settings;
    this.jobs = jobs;
    this.clickHouse = clickHouse;
    this.options = options;
    this.messages = messages;
    this.runtime = settings.path("runtime.dir");
    this.reaches = new Reaches(settings, clickHouse, options, stop, messages);
    check(settings, jobs);
    try {
      String names = String.join(" ", jobs.stream().map(Job::getName).toList());
      for (Job job : jobs) {
        if (job.isPass() && !options.share().whole()) {
          throw new UserError(
              job.getName()
                  + " is not shared by workers, because its ids are walks that end where they meet:"
                  + " run it without --worker and --of");
        }
      }
      for (String source : jobs.stream().map(Job::getSource).distinct().toList()) {
        locks.add(
            ShareLock.take(
                runtime.resolve(source + ".lock"),
                options.share(),
                source,
                "run " + names,
                jobs.stream().anyMatch(Job::isPass)
                    ? ""
                    : ", or share the work with --worker N --of M"));
      }
      for (Job job : jobs) {
        Views.create(clickHouse, job.getName());
        jobLocks.add(
            JobLock.take(
                clickHouse,
                job.getName(),
                options.share().from(),
                options.share().to(),
                runtime,
                why -> stop(ExitCode.ERROR, why)));
        Views.requireCurrent(clickHouse, job.getName());
        ledgers.put(job.getName(), openLedger(job));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /**
   * Finds a wrong value before anything is written, also one that would be needed only when a call
   * fails.
   *
   * @throws UserError with the setting's name and what it takes
   */
  public static void check(Settings settings, List<Job> jobs) {
    for (String millis :
        List.of(
            "source.connect-timeout",
            "source.answer-timeout",
            "source.retry-delay",
            "source.retry-delay-max",
            "source.attempts")) {
      settings.number(millis, 1);
    }
    settings.duration("source.patience");
    AnswerLimits.of(settings);
    for (Job job : jobs) {
      job.check(settings);
      batchSize(settings, job);
      settings.number(job.getName() + ".concurrency", 1);
    }
  }

  private Ledger openLedger(Job job) {
    String url = settings.text(job.getUrl());
    String host = settings.url(job.getUrl()).getHost();
    Ledger.Owner owner =
        job.isInterchangeable()
            ? new Ledger.Owner(job.getName(), job.getSource(), "any", clickHouse.id())
            : new Ledger.Owner(
                job.getName(), Integer.toHexString(url.hashCode()), host, clickHouse.id());
    boolean window = job.isWindow() && !options.window().all();
    Ledger ledger =
        window
            ? openWindow(job, owner)
            : Ledger.open(ledgerFile(settings, job.getName()), owner, hasRows(job, ""));
    lookFirst(job, ledger);
    return ledger;
  }

  /** Lets each batch look first where the table holds rows that others than this ledger brought. */
  private void lookFirst(Job job, Ledger ledger) {
    if (hasRows(job, ledger.keyPrefix())) {
      ledger.lookFirst();
    }
  }

  /**
   * The ledger of a window that is not finished, where the same is asked for again, or a new one.
   */
  private Ledger openWindow(Job job, Ledger.Owner owner) {
    Path file = windowFile(settings, job.getName());
    if (Ledger.exists(file)) {
      Ledger before = Ledger.open(file, owner, true);
      long pending = before.counts(Share.WHOLE).get(State.PENDING);
      if (pending > 0 && before.window().text().equals(options.window().text())) {
        messages.info(
            job.getName()
                + ": continuing with the window of an earlier run, from "
                + Instant.ofEpochSecond(before.window().since())
                + " to "
                + Instant.ofEpochSecond(before.window().until()));
        return before;
      }
      before.close();
      if (pending > 0) {
        messages.warn(
            job.getName()
                + ": the window '"
                + before.window().text()
                + "' of an earlier run was not finished, with "
                + Messages.count(pending, "id")
                + " to do; its ledger is now "
                + Ledger.setAside(file));
      } else {
        before.delete();
      }
    }
    return Ledger.open(file, owner, hasRows(job, ""), options.window());
  }

  /**
   * Whether the job's table holds rows that a ledger did not bring. A file that does not tell by
   * {ledger} is asked for a new ledger only.
   *
   * @param keyPrefix what the keys of the ledger's batches begin with; empty for a new ledger
   */
  private boolean hasRows(Job job, String keyPrefix) {
    SqlFile.Section section = job.sql().section("has-rows");
    if (!keyPrefix.isEmpty() && !section.statements().get(0).contains("{ledger}")) {
      return false;
    }
    String source =
        settings.has(job.getName() + ".source") ? settings.text(job.getName() + ".source") : "";
    return ((Number)
                clickHouse.value(
                    section.sql(
                        Map.of("ledger", keyPrefix.isEmpty() ? " " : keyPrefix, "source", source))))
            .longValue()
        > 0;
  }

  /** The ledger of the window of time that a job was last asked for. */
  public static Path windowFile(Settings settings, String job) {
    return settings.path("runtime.dir").resolve(job + ".window.ledger");
  }

  public static Path ledgerFile(Settings settings, String job) {
    return Ledger.file(settings.path("runtime.dir"), job);
  }

  /**
   * Adds ranges to the ledger of a job whose ids are ranges.
   *
   * @param from the first number; null for the one after those in the ledger
   * @param to the last number, "latest" or null for the newest that the source has
   * @throws UserError where the source does not say how far it reaches, or not so far
   */
  public void loadRanges(Job job, Long from, String to) {
    new RangeLoader(reaches, messages).load(job, ledger(job.getName()), from, to);
  }

  static Retry retry(
      Settings settings, Map<String, Job> jobs, Sources sources, Stop stop, Messages messages) {
    return new Retry(
        jobs,
        sources,
        stop,
        settings.number("source.attempts", 1),
        settings.duration("source.patience"),
        messages);
  }

  public Ledger ledger(String job) {
    return ledgers.get(job);
  }

  /** Asks the run to end: what is in flight is finished. Returns at once. */
  public void stop(ExitCode exitCode, String why) {
    stop.ask(exitCode, why);
  }

  /** The exit code of the stop that was asked for; null where nobody asked. */
  public ExitCode stopCode() {
    return stop.code();
  }

  /**
   * Runs until nothing is pending or a stop was asked for.
   *
   * @return how it ended, with the exit code that is documented for it
   */
  public Result run(Watcher watcher) {
    Sources sources = new Sources(settings, options.share(), options.fraction(), stop);
    Map<String, Job> byName = new LinkedHashMap<>();
    jobs.forEach(job -> byName.put(job.getName(), job));
    Retry retry = retry(settings, byName, sources, stop, messages);
    Marker repository = new Marker(stop);
    List<Progress> progress = new ArrayList<>();
    List<Feed> feeds = new ArrayList<>();
    for (Job job : jobs) {
      Ledger ledger = ledgers.get(job.getName());
      Progress of =
          new Progress(
              job,
              options.share(),
              sources.get(job.getSource()),
              settings.duration("source.patience"),
              runtime,
              ledger.counts(options.share()));
      if (job.idKind() == IdKind.RANGE) {
        of.numbers(ledger.numbers(options.share()));
      }
      progress.add(of);
      Feed feed =
          new Feed(
              ledger,
              options.share(),
              stop,
              sources.get(job.getSource()),
              retry,
              of,
              batchSize(settings, job),
              settings.number(job.getName() + ".concurrency", 1),
              options.limit(),
              job.idKind() != IdKind.RANGE
                  ? null
                  : new Span(reaches.span(job), reaches.of(job).widest(), job.getGoalRows()));
      feeds.add(feed);
      repository.add(job.getName(), feed);
    }
    ExecutorService runners =
        Executors.newCachedThreadPool(
            runnable -> {
              Thread thread = new Thread(runnable, "job");
              thread.setDaemon(true);
              return thread;
            });
    boolean finished;
    try (Routes routes =
        Routes.start(settings, byName, clickHouse, sources, retry, repository, stop, messages)) {
      jobs.stream()
          .map(Job::getSource)
          .distinct()
          .forEach(source -> sources.warmUp(routes.context(), source));
      List<Future<?>> running = new ArrayList<>();
      Map<String, CountDownLatch> ended = new HashMap<>();
      jobs.forEach(job -> ended.put(job.getName(), new CountDownLatch(1)));
      for (int i = 0; i < jobs.size(); i++) {
        Job job = jobs.get(i);
        Progress of = progress.get(i);
        running.add(
            runners.submit(
                () -> {
                  try {
                    of.waiting(ended.containsKey(job.getAfter()));
                    if (ended.containsKey(job.getAfter())) {
                      ended.get(job.getAfter()).await();
                      lookFirst(job, ledgers.get(job.getName()));
                      of.waiting(false);
                    }
                    routes.context().createProducerTemplate().sendBody("direct:job", job.getName());
                    return null;
                  } finally {
                    of.ended();
                    ended.get(job.getName()).countDown();
                  }
                }));
      }
      finished = await(running, progress, feeds, watcher, retry);
      if (finished && !stop.asked()) {
        jobs.stream()
            .filter(job -> job.sql().has("finish"))
            .forEach(
                job ->
                    new Steps("run", Memory.bytes(settings, Memory.CAP), 1)
                        .finish(clickHouse, job.sql()));
        jobs.forEach(this::merge);
      }
      jobs.stream().filter(job -> job.sql().has("unread")).forEach(this::sayUnread);
    } catch (UserError e) {
      throw e;
    } catch (Exception e) {
      throw new UserError("the routes could not be started: " + Retry.reason(e), e);
    } finally {
      runners.shutdownNow();
      watcher.ended();
    }
    return new RunEnd(options, stop).of(progress, ledgers);
  }

  /** Says which fields of the run's rows could not be read. */
  private void sayUnread(Job job) {
    SqlFile.Section section = job.sql().section("unread");
    for (Map<String, Object> field :
        clickHouse.rows(section.sql(Map.of("since", begun)), Map.of())) {
      messages.warn(
          job.getName()
              + ": "
              + field.get("field")
              + " of "
              + Messages.count(Long.parseLong(String.valueOf(field.get("rows"))), "row")
              + " could not be read, such as '"
              + Messages.shown(String.valueOf(field.get("such_as")))
              + "'; the rows are stored without it, and have it in the column unread of "
              + section.title());
    }
  }

  /**
   * Lets ClickHouse drop the rows that were replaced on purpose, so that what is counted is what is
   * there. Large tables are left to its own merges, which come in time, because this rewrites a
   * table.
   */
  private void merge(Job job) {
    Ledger ledger = ledgers.get(job.getName());
    long last = ledger.replacing();
    if (last == 0 || !job.sql().has("redone")) {
      return;
    }
    for (String table : job.sql().section("redone").tables()) {
      List<Map<String, Object>> found =
          clickHouse.rows(
              SqlFile.fill(
                  "SELECT ifNull(total_rows, 0) AS rows FROM system.tables"
                      + " WHERE concat(database, '.', name) = {table} AND engine LIKE '%MergeTree'",
                  Map.of("table", table)),
              Map.of());
      long rows = found.isEmpty() ? 0 : Long.parseLong(String.valueOf(found.get(0).get("rows")));
      String otherwise =
          "rows that were replaced stay in "
              + table
              + " ("
              + Messages.count(rows, "row")
              + ") until ClickHouse merges them."
              + " Count with FINAL, or merge it with `backfill sql 'OPTIMIZE TABLE "
              + table
              + " FINAL'`";
      if (rows > MERGED_ROWS) {
        messages.info(job.getName() + ": " + otherwise);
      } else if (rows > 0) {
        try {
          clickHouse.execute("OPTIMIZE TABLE " + table + " FINAL");
        } catch (ClickHouseException e) {
          messages.warn(job.getName() + ": " + e.getMessage() + ": " + otherwise);
        }
      }
    }
    ledger.merged(last);
  }

  private static int batchSize(Settings settings, Job job) {
    int size = settings.number(job.getName() + ".batch-size", 1);
    if (size > job.getMaxBatchSize()) {
      throw new UserError(
          "setting "
              + job.getName()
              + ".batch-size is "
              + size
              + "; "
              + job.getSource()
              + " takes at most "
              + job.getMaxBatchSize()
              + " ids in one request");
    }
    return size;
  }

  /** Waits for the jobs' splits to end; after a stop, for as long as what is in flight may take. */
  private boolean await(
      List<Future<?>> running,
      List<Progress> progress,
      List<Feed> feeds,
      Watcher watcher,
      Retry retry)
      throws Exception {
    long stoppedAt = 0;
    long nextTick = 0;
    Map<Pace, String> troubles = new HashMap<>();
    while (true) {
      boolean all = true;
      for (Future<?> job : running) {
        try {
          job.get(100, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
          all = false;
        } catch (java.util.concurrent.ExecutionException e) {
          UserError told = Retry.find(e, UserError.class);
          stop.ask(ExitCode.ERROR, told != null ? told.getMessage() : Retry.reason(e));
        }
      }
      if (all) {
        return true;
      }
      long now = System.currentTimeMillis();
      if (now >= nextTick) {
        nextTick = now + 1000;
        keepClickHouse();
        progress.forEach(job -> job.publish(job.snapshot(RunState.RUNNING)));
        watcher.tick(progress);
        watch(progress, feeds, troubles, retry);
      }
      if (stop.asked()) {
        stoppedAt = stoppedAt == 0 ? now : stoppedAt;
        if (now - stoppedAt > FINISH_MILLIS) {
          return false;
        }
      }
    }
  }

  /** The embedded engine may have been killed; the batches in flight wait for it. */
  private void keepClickHouse() {
    try {
      if (clickHouse.revive()) {
        messages.warn(clickHouse.where() + " had ended and was started again");
      }
    } catch (UserError e) {
      messages.warn(e.getMessage());
    }
  }

  /**
   * Says what has changed, and what is waited for where nothing has moved for a while. Ends the run
   * where something takes longer than {@code source.patience}, whatever the threads are doing.
   */
  private void watch(
      List<Progress> progress, List<Feed> feeds, Map<Pace, String> troubles, Retry retry) {
    Duration patience = settings.duration("source.patience");
    for (int i = 0; i < progress.size(); i++) {
      Progress job = progress.get(i);
      Pace source = job.source();
      String trouble = source.trouble();
      String before = troubles.put(source, trouble == null ? "" : trouble);
      if (trouble == null && before != null && !before.isEmpty()) {
        messages.info(source.name() + " answers again");
      }
      Feed feed = feeds.get(i);
      if (trouble != null && feed.isActive()) {
        retry.patient(source, trouble);
      }
      if (System.nanoTime() - feed.movedAt() > patience.plus(STEP_MARGIN).toNanos()) {
        stop.ask(
            ExitCode.GAVE_UP,
            "gave up: nothing of "
                + job.job().getName()
                + " moved for "
                + Messages.time(patience.toMillis())
                + " (source.patience): "
                + feed.waitsFor(source.name())
                + ". Run the same command again later");
      }
      if (job.idleMillis() > STALLED_MILLIS && !job.isWaiting() && !job.hasEnded()) {
        messages.warn(
            "no progress of "
                + job.job().getName()
                + " for "
                + Messages.time(job.idleMillis() / 1000 * 1000)
                + ": "
                + feeds.get(i).waitsFor(source.name())
                + (trouble == null ? "" : " (" + source.name() + ": " + trouble + ")"));
        job.stirred();
      }
    }
  }

  @Override
  public void close() {
    ledgers
        .values()
        .forEach(
            ledger -> {
              boolean empty = ledger.size(Share.WHOLE) == 0;
              ledger.close();
              if (empty && options.share().whole()) {
                ledger.delete();
              }
            });
    jobLocks.forEach(JobLock::close);
    locks.forEach(ShareLock::close);
  }
}
