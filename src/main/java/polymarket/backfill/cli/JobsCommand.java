package polymarket.backfill.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;
import polymarket.backfill.Messages;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.IdList;
import polymarket.backfill.job.IdLoader;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Parts;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.State;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.run.RunLedgers;

/** What {@code run} and {@code plan} have in common: which jobs, with which ids and settings. */
abstract class JobsCommand implements Callable<Integer> {

  @Mixin Common common;

  @Mixin RunOptions options;

  @Parameters(
      arity = "1..*",
      paramLabel = "JOB",
      converter = Names.OwnName.class,
      completionCandidates = Names.Jobs.class,
      description =
          "The jobs to run, such as payouts. They run in parallel, except that a job starts after"
              + " the jobs that its ids come from.")
  List<String> names;

  @Spec CommandSpec spec;

  @Unmatched List<String> own = new ArrayList<>();

  @Override
  public Integer call() {
    Checked checked = checked();
    return go(checked.settings(), checked.sources());
  }

  /**
   * What is to be carried out.
   *
   * @param sources the jobs, each with its chosen source
   */
  record Checked(Settings settings, Map<Job, String> sources) {}

  /**
   * Checks the options against each other, the jobs and the settings.
   *
   * @throws UserError for the first that is wrong
   */
  Checked checked() {
    options.check(names);
    // first, because a value after it could be mistaken for a job's name
    own.forEach(option -> settingsOf(option, Job.names(Common.home())));
    options.redoStates();
    options.age();
    options.period().window();
    Map<Job, String> sources = sources();
    List<Job> jobs = List.copyOf(sources.keySet());
    checkIds(jobs.get(0));
    for (Job job : jobs) {
      common.set(job.getName() + ".batch-size", options.batchSize);
      common.set(job.getName() + ".concurrency", options.concurrency);
    }
    own.forEach(option -> setOwn(option, jobs));
    jobs.forEach(this::check);
    Settings settings = common.settings();
    // also for jobs that start later
    JobRun.check(settings, jobs);
    return new Checked(settings, sources);
  }

  /**
   * Leaves options out of the help that none of the named jobs takes; a job has its own examples.
   */
  void shortenHelp() {
    List<String> known = Job.names(Common.home());
    if (names == null || names.isEmpty() || !known.containsAll(names)) {
      return;
    }
    Set<String> none = null;
    for (String name : names) {
      for (Job job : Job.read(Common.home(), name).parts(Common.home(), "auto")) {
        Set<String> notOf = RunOptions.notOf(job);
        if (none == null) {
          none = notOf;
        } else {
          none.retainAll(notOf);
        }
      }
    }
    Set<String> left = none;
    spec.options().stream()
        .filter(option -> left.contains(option.longestName()))
        .toList()
        .forEach(spec::remove);
    List<String> footer = new ArrayList<>(List.of(spec.usageMessage().footer()));
    int examples = footer.indexOf("Examples:");
    if (names.size() == 1 && examples >= 0) {
      footer.subList(examples + 1, footer.size()).clear();
      footer.addAll(examples(Job.read(Common.home(), names.get(0)), left));
      spec.usageMessage().footer(footer.toArray(String[]::new));
    }
  }

  /**
   * What a person types for a job.
   *
   * @param none options that it does not take
   */
  private List<String> examples(Job job, Set<String> none) {
    List<String> typed = new ArrayList<>();
    if (!none.contains("--from")) {
      typed.add(" --from 86000000 --to latest");
      job.getDatasets().stream()
          .findFirst()
          .ifPresent(one -> typed.add(" --from 86000000 --to latest --datasets " + one));
      if (spec.findOption("--follow") != null) {
        typed.add(" --from 86000000 --follow");
      }
    } else {
      typed.add("");
    }
    if (none.contains("--from") && !none.contains("--ids")) {
      typed.add(" --ids ids.txt");
    }
    if (!none.contains("--since")) {
      typed.add(" --since 30d");
    }
    typed.add(" --redo failed --pace 0.5");
    return typed.stream()
        .map(options -> "  backfill " + spec.name() + " " + job.getName() + options)
        .toList();
  }

  /** Rejects options that do not apply to a job. */
  void check(Job job) {
    options.check(job);
  }

  /**
   * Does it, when the options are known to be right.
   *
   * @param sources the jobs, each with its chosen source
   * @return the exit code
   */
  abstract int go(Settings settings, Map<Job, String> sources);

  private void checkIds(Job job) {
    if (options.ids != null) {
      if (job.isPass()) {
        throw new UserError(
            "--ids does not go with "
                + job.getName()
                + ", which asks for whole lists; leave it out");
      }
      IdList.check(options.ids, job.idKind());
    }
  }

  /**
   * The jobs in groups that run one after the other, so that each job runs after the jobs that its
   * ids come from; the jobs of a group run in parallel.
   */
  static List<List<Job>> stages(List<Job> jobs) {
    List<List<Job>> stages = new ArrayList<>();
    List<Job> left = new ArrayList<>(jobs);
    while (!left.isEmpty()) {
      Set<String> open = left.stream().map(Job::getName).collect(Collectors.toSet());
      List<Job> next =
          left.stream()
              .filter(job -> !open.contains(filledBy(job)) && !open.contains(job.getLeftBy()))
              .toList();
      stages.add(next.isEmpty() ? List.copyOf(left) : next);
      left.removeAll(stages.get(stages.size() - 1));
    }
    return stages;
  }

  /** The job that fills the table of a job's ids; empty for none. */
  private static String filledBy(Job job) {
    return job.sql().has("ids")
        ? job.sql().section("ids").attributes().getOrDefault("filled", "")
        : "";
  }

  /** Puts what the jobs are to fetch into their ledgers. */
  void load(
      IdLoader loader,
      RunLedgers run,
      List<Job> jobs,
      Map<Job, String> sources,
      Set<State> again,
      Duration age,
      Terminal terminal) {
    IdLoader.Listed list =
        options.ids == null
            ? null
            : new IdLoader.Listed(options.ids, options.column, options.strict);
    if (list != null && jobs.size() > 1) {
      list = loader.forSeveral(list, jobs.get(0).idKind());
    }
    for (Job job : earlierFirst(jobs)) {
      Ledger ledger = run.ledger(job.getName());
      if (list != null) {
        loader.load(job, sources.get(job), ledger, list);
      } else if (job.idKind() != IdKind.RANGE) {
        job.getLists().stream()
            .filter(file -> options.redo == null && Files.isRegularFile(Path.of(file)))
            .forEach(
                file ->
                    terminal.info(
                        job.getName()
                            + ": "
                            + file
                            + " is not read; to take its ids: run "
                            + job.getName()
                            + " --ids "
                            + file));
        loader.load(job, sources.get(job), ledger, options.period(), redone(again, age));
      } else {
        run.askReplaced(job);
        run.loadRanges(job, options.from, options.to, options.datasets);
      }
      redo(run, job, again, age, terminal);
      if (redone(again, age) == IdLoader.Redone.ALL) {
        loader.redone(job, ledger, options.period());
      }
    }
  }

  private IdLoader.Redone redone(Set<State> again, Duration age) {
    return options.redo == null
        ? IdLoader.Redone.NOTHING
        : age == null && again.contains(State.FOUND) && options.limit == null
            ? IdLoader.Redone.ALL
            : IdLoader.Redone.SOME;
  }

  /**
   * The jobs in the order in which they take their ids: of those that both ask for, the later one
   * has to find that the earlier one has them first, also while other members work on both.
   */
  private static List<Job> earlierFirst(List<Job> jobs) {
    Set<String> names = jobs.stream().map(Job::getName).collect(Collectors.toSet());
    return jobs.stream()
        .sorted(Comparator.comparing(job -> names.contains(job.getAfter())))
        .toList();
  }

  /**
   * Makes ids pending again: of ranges, those that were asked for, or all without --from and --to.
   */
  private void redo(RunLedgers run, Job job, Set<State> again, Duration age, Terminal terminal) {
    if (again.isEmpty()) {
      return;
    }
    long pending =
        options.from == null && options.to == null
            ? run.ledger(job.getName()).redo(again, age, options.share(), options.most())
            : run.redoRanges(
                job,
                again,
                run.ledger(job.getName()).now() + 1 - (age == null ? 0 : age.toMillis()),
                options.from,
                options.to,
                options.datasets,
                options.most());
    if (pending > 0) {
      terminal.info(
          job.getName() + ": " + Messages.count(pending, "id") + " will be fetched again");
    }
  }

  /**
   * The jobs to run, including those that run under another's name, each with the chosen source if
   * it has several.
   */
  private Map<Job, String> sources() {
    Map<String, Job> jobs = new LinkedHashMap<>();
    Map<Job, String> sources = new LinkedHashMap<>();
    for (String name : names.stream().distinct().toList()) {
      if (Pipeline.names(Common.home()).contains(name)) {
        throw new UserError(
            "`" + name + "` is a pipeline, not a job: `backfill pipeline " + name + "` runs it");
      }
      Job named = Job.read(Common.home(), name);
      String source = Parts.source(common.settings(), named);
      for (Job job : named.parts(Common.home(), source)) {
        if (jobs.putIfAbsent(job.getName(), job) == null) {
          sources.put(job, source);
        }
      }
    }
    return sources;
  }

  /** Sets JOB.X for a job of this run from the option --X, which means --X=true, or --X=VALUE. */
  private void setOwn(String option, List<Job> jobs) {
    String[] parts = option.split("=", 2);
    settingsOf(option, jobs.stream().map(Job::getName).toList())
        .forEach(key -> common.set(key, parts.length == 2 ? parts[1] : "true"));
  }

  /** The settings of jobs that such an option sets. */
  private List<String> settingsOf(String option, List<String> jobs) {
    String name = option.split("=", 2)[0];
    Settings settings = common.settings();
    List<String> keys =
        jobs.stream()
            .map(job -> job + "." + name.replaceFirst("^--", ""))
            .filter(settings::has)
            .toList();
    if (!option.startsWith("--") || keys.isEmpty()) {
      List<String> known = new ArrayList<>(spec.optionsMap().keySet());
      settings.all().keySet().stream()
          .filter(key -> jobs.stream().anyMatch(job -> key.startsWith(job + ".")))
          .forEach(key -> known.add("--" + key.substring(key.indexOf('.') + 1)));
      throw new UserError(
          "unknown option '"
              + option
              + "' of run."
              + Nearest.hint(name, known)
              + " `backfill run --help` lists all");
    }
    return keys;
  }
}
