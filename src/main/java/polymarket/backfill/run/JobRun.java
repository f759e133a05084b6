package polymarket.backfill.run;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import polymarket.backfill.Daemons;
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
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Span;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.source.AnswerLimits;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;
import polymarket.backfill.store.InsertGroups;

/**
 * One run: opens the ledgers of its jobs, starts Camel with their routes, lets them go through what
 * is pending, and ends with sums that add up or with the word that they do not.
 */
public final class JobRun extends RunLedgers {

  /**
   * What a person asked for.
   *
   * @param fraction the part of each source's limit to use, 1 for all of it
   * @param limit how many ids to take at most
   * @param window the span of time that rows are fetched for, by jobs that can
   * @param helps whether the run helps another one: it asks for nothing again that has failed
   * @param locks of the sources, where several runs keep them one after the other; null where the
   *     run takes and releases its own
   */
  public record Options(
      Share share, double fraction, long limit, Window window, boolean helps, SourceLocks locks) {

    public Options(Share share, double fraction, long limit, Window window, boolean helps) {
      this(share, fraction, limit, window, helps, null);
    }

    /** For all times. */
    public Options(Share share, double fraction, long limit) {
      this(share, fraction, limit, Window.ALL, false);
    }
  }

  /** Observes a run; called every second and at the end. */
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

  private final List<Job> jobs;
  private final Path runtime;

  /** Null where this run did not take them. */
  private SourceLocks locks;

  private final Map<String, JobLock> jobLocks = new ConcurrentHashMap<>();
  private final long begun = System.currentTimeMillis();
  private final Membership membership;

  /** The jobs that come before jobs of this run. */
  private final List<EarlierJob> earlier = new ArrayList<>();

  private boolean measured;

  /** What this run does; null before {@link #run}. */
  private volatile RunWatch watch;

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
    super(settings, clickHouse, options, messages);
    this.jobs = jobs;
    this.runtime = settings.path("runtime.dir");
    check(settings, jobs);
    this.membership = Membership.of(settings, jobs, options, why -> stop(ExitCode.GAVE_UP, why));
    reaches.pacedBy(membership.member());
    try {
      for (Job job : jobs) {
        if (job.isPass() && !options.share().whole()) {
          throw new UserError(
              job.getName()
                  + " cannot be shared by workers, because its ids are lists of pages: run it"
                  + " without --worker and --of");
        }
      }
      locks = options.locks() == null ? SourceLocks.of(settings, jobs, options.share()) : null;
      Views.create(clickHouse, jobs.stream().map(Job::getName).toList());
      for (Job job : jobs) {
        jobLocks.put(
            job.getName(),
            membership.lock(
                clickHouse, job, options.share(), why -> stop(ExitCode.ERROR, why), messages));
        Views.requireCurrent(clickHouse, job.getName());
        Ledger ledger = openLedger(job);
        ledgers.put(job.getName(), ledger);
        InsertGroups.repeat(clickHouse, job, ledger, options.share());
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
    // what ends a run needs it, and a mistake there would be met hours later
    Memory.bytes(settings, Memory.CAP);
    AnswerLimits.of(settings);
    for (Job job : jobs) {
      job.check(settings);
      batchSize(settings, job);
      settings.number(job.getName() + ".concurrency", 1);
    }
  }

  /** What a ledger belongs to whose job's source says what its numbers are of. */
  private Ledger.Owner identified(Job job) {
    String identity = reaches.of(job).identity();
    return new Ledger.Owner(job.getName(), identity, identity, clickHouse.id());
  }

  private Ledger openLedger(Job job) {
    String url = settings.text(job.getUrl());
    String host = settings.url(job.getUrl()).getHost();
    Ledger.Owner owner =
        job.isIdentified()
            ? identified(job)
            : new Ledger.Owner(
                job.getName(),
                Integer.toHexString(url.hashCode()),
                host,
                job.getUrl(),
                clickHouse.id());
    Ledger ledger =
        isOfWindow(job)
            ? membership.window(job, place -> openWindow(job, owner, place))
            : Ledger.open(
                membership.ledger(job.getName(), false), owner, hasRows(job, ""), Window.ALL);
    lookFirst(job, ledger);
    if (ledger.isMoved()) {
      messages.warn(
          job.getName()
              + ": the shared ledger is on another server than before, or was restored: what was"
              + " written last may be missing there, so all new batches look into the table before"
              + " they store");
    }
    return ledger;
  }

  /** Makes each batch check the table first if it has rows of other ledgers. */
  private void lookFirst(Job job, Ledger ledger) {
    if (hasRows(job, ledger.keyPrefix())) {
      ledger.lookFirst();
    }
  }

  /**
   * The ledger of a window that is not finished, where the same is asked for again, or a new one.
   */
  private Ledger openWindow(Job job, Ledger.Owner owner, LedgerPlace file) {
    if (file.exists()) {
      Ledger before = Ledger.open(file, owner, true, Window.ALL);
      long pending = before.counts(Share.WHOLE).get(State.PENDING);
      boolean same = before.window().text().equals(options.window().text());
      String others = membership.othersInWindow(job);
      if (others != null && !same) {
        before.close();
        throw new UserError(
            job.getName()
                + ": "
                + others
                + " works on the window '"
                + before.window().text()
                + "', and a job has one window at a time: wait until it has ended, or ask for the"
                + " same");
      }
      if (same && (pending > 0 || others != null)) {
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
                + file.setAside());
      } else {
        file.drop();
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

  /** Lets {@link #run} write Camel's metrics for the page. */
  public void measure() {
    measured = true;
  }

  /** Asks the run to end: what is in flight is finished. Returns at once. */
  public void stop(ExitCode exitCode, String why) {
    stop.ask(exitCode, why);
  }

  /** The process ends at once: its status says that it was interrupted. */
  public void endsNow() {
    RunWatch running = watch;
    if (running != null) {
      running.progress().forEach(job -> job.publish(job.snapshot(RunState.INTERRUPTED)));
    }
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
    Sources sources =
        new Sources(settings, options.share(), options.fraction(), stop, membership.member());
    Map<String, Job> byName = new LinkedHashMap<>();
    jobs.forEach(job -> byName.put(job.getName(), job));
    Retry retry = retry(settings, byName, sources, stop, messages);
    Marker repository = new Marker(stop);
    watch =
        new RunWatch(
            clickHouse, stop, retry, settings.duration("source.patience"), watcher, messages);
    for (Job job : jobs) {
      Progress progress = progress(job, sources);
      Feed feed = feed(job, sources, retry, progress);
      watch.add(progress, feed);
      repository.add(job.getName(), feed);
    }
    ExecutorService runners = Executors.newCachedThreadPool(Daemons.named("job"));
    CamelMetrics metrics =
        measured
            ? new CamelMetrics(runtime, List.copyOf(byName.keySet()), options.share(), messages)
            : null;
    boolean finished;
    try (Routes routes =
        Routes.start(
            settings, byName, clickHouse, sources, retry, repository, stop, messages, metrics)) {
      jobs.stream()
          .flatMap(job -> job.sources(settings).keySet().stream())
          .distinct()
          .forEach(source -> sources.warmUp(routes.context(), source));
      finished = watch.await(start(watch.progress(), routes, runners));
      if (!finished) {
        membership.waitNoLonger();
      }
      AfterRun after = new AfterRun(settings, clickHouse, messages);
      if (finished && !stop.asked()) {
        jobs.forEach(after::finish);
        jobs.forEach(job -> after.merge(job, ledgers.get(job.getName())));
      }
      jobs.forEach(job -> after.sayUnread(job, begun));
    } catch (UserError e) {
      membership.requireMember();
      throw e;
    } catch (Exception e) {
      membership.requireMember();
      throw new UserError("the routes could not be started: " + Retry.reason(e), e);
    } finally {
      runners.shutdownNow();
      watcher.ended();
    }
    membership.requireMember();
    List<Progress> ended = watch.progress();
    watch = null;
    return new RunEnd(options, stop).of(ended, ledgers);
  }

  private Progress progress(Job job, Sources sources) {
    Ledger ledger = ledgers.get(job.getName());
    return new Progress(
        job,
        options,
        job.sources(settings).keySet().stream().map(sources::get).toList(),
        settings.duration("source.patience"),
        runtime,
        ledger,
        batchSize(settings, job),
        estimated(job));
  }

  private Feed feed(Job job, Sources sources, Retry retry, Progress progress) {
    return new Feed(
        ledgers.get(job.getName()),
        options,
        stop,
        sources.get(job.firstSource(settings)),
        retry,
        progress,
        batchSize(settings, job),
        settings.number(job.getName() + ".concurrency", 1),
        job.idKind() != IdKind.RANGE
            ? null
            : new Span(reaches.span(job), reaches.of(job).widest(), job.getGoalRows()),
        earlier(job),
        new LaterIds(
            job, clickHouse, ledgers.get(job.getName()), settings.duration("source.patience")));
  }

  /** The job that comes before another one, in this run or in another one. */
  private EarlierJob earlier(Job job) {
    String name = job.getAfter();
    if (name.isEmpty()) {
      return EarlierJob.NONE;
    }
    Ledger own = ledgers.get(name);
    EarlierJob before =
        own == null
            ? new EarlierJob(name, membership.ledger(name, isOfWindow(job)), () -> isHeld(name))
            : new EarlierJob(name, own.place(), () -> true);
    earlier.add(before);
    return before;
  }

  private boolean isOfWindow(Job job) {
    return job.isWindow() && !options.window().all();
  }

  private boolean isHeld(String job) {
    try {
      Share share = options.share();
      return JobLock.isHeld(clickHouse, List.of(job), share.from(), share.to());
    } catch (ClickHouseException e) {
      // it cannot be known now
      return true;
    }
  }

  private void release(String job) {
    JobLock lock = jobLocks.remove(job);
    if (lock != null) {
      lock.close();
    }
  }

  /** Starts the routes of all jobs. */
  private List<Future<?>> start(List<Progress> progress, Routes routes, ExecutorService runners) {
    List<Future<?>> running = new ArrayList<>();
    for (Progress of : progress) {
      String job = of.job().getName();
      running.add(
          runners.submit(
              () -> {
                try {
                  routes.context().createProducerTemplate().sendBody("direct:job", job);
                  return null;
                } finally {
                  of.ended();
                  earlier.forEach(before -> before.ended(job));
                  if (membership.isShared()) {
                    // members may wait until nobody asks for its ids, and this one for them
                    release(job);
                  }
                }
              }));
    }
    return running;
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

  @Override
  public void close() {
    if (membership.away() == null) {
      earlier.forEach(EarlierJob::close);
    }
    for (Ledger ledger : membership.away() == null ? ledgers.values() : List.<Ledger>of()) {
      boolean unused =
          options.share().whole() && !membership.isShared() && ledger.size(Share.WHOLE) == 0;
      ledger.close();
      if (unused) {
        ledger.delete();
      }
    }
    membership.close();
    jobLocks.keySet().forEach(this::release);
    if (locks != null) {
      locks.close();
    }
  }
}
