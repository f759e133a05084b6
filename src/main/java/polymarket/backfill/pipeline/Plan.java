package polymarket.backfill.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.State;
import polymarket.backfill.pipeline.Pipeline.IfShort;
import polymarket.backfill.pipeline.Pipeline.Step;
import polymarket.backfill.pipeline.PipelineLedger.Entry;
import polymarket.backfill.pipeline.PipelineLedger.Pass;
import polymarket.backfill.run.JobRun;

/**
 * The plan of a pipeline's run: each step with its requests, their time at the limits, and its
 * start.
 */
public final class Plan {

  /**
   * A step's requests.
   *
   * @param number 0 where it makes none or the number is unknown
   * @param from where the number comes from
   * @param perSecond that the routes of its sources allow; 0 where it asks none
   * @param paceFrom the route's file
   */
  record Requests(long number, String from, double perSecond, String paceFrom) {

    /** The least time that they take; 0 where that is not known. */
    long millis() {
      return perSecond > 0 ? Math.round(number / perSecond * 1000) : 0;
    }
  }

  /**
   * The plan of the steps that are not done yet.
   *
   * @param steps a row a step, as it is printed
   * @param notes where the numbers come from, and what is done when time is short
   * @param seconds from the beginning to the end, with the file's times; budgetSeconds as asked for
   */
  public record Result(
      List<Map<String, Object>> steps, List<String> notes, long seconds, long budgetSeconds) {}

  private final Settings settings;
  private Pipeline pipeline;

  public Plan(Settings settings, Pipeline pipeline) {
    this.settings = settings;
    this.pipeline = pipeline;
  }

  /**
   * Estimates the plan from the files and ledgers alone, without requests to a source or
   * ClickHouse.
   */
  public Result reckon(PipelineRun.Options options) {
    Path file = PipelineLedger.file(settings.path("runtime.dir"), pipeline.name());
    Pass pass = null;
    Map<String, Entry> entries = Map.of();
    Map<String, Entry> earlier = Map.of();
    if (Files.exists(file)) {
      try (PipelineLedger ledger = PipelineLedger.open(file, null)) {
        pass = ledger.last();
        boolean fresh = pass == null || options.again();
        entries = fresh ? Map.of() : ledger.steps(pass.number());
        earlier = ledger.lastDone();
        pipeline = pipeline.taking(PipelineRun.times(earlier));
        pass = fresh ? null : pass;
      }
    }
    Set<String> selected = options.selected(pipeline);
    boolean part = options.isPart();
    boolean goesOn = pass != null && !(part && pass.state().equals("finished"));
    Duration budget =
        options.budget() != null
            ? options.budget()
            : goesOn ? Duration.ofMillis(pass.budgetMillis()) : pipeline.budget();
    long spent = goesOn ? pass.spentMillis() : 0;
    Map<String, Entry> done = new LinkedHashMap<>();
    entries.forEach(
        (name, entry) -> {
          if (entry.state() == StepState.DONE
              || entry.state() == StepState.CUT
              || entry.state() == StepState.SKIPPED) {
            done.put(name, entry);
          }
        });
    Set<String> left = new LinkedHashSet<>(selected);
    left.removeIf(name -> !part && done.containsKey(name));
    List<Map<String, Object>> rows = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    Map<String, Long> ends = new LinkedHashMap<>();
    long together = 0;
    for (Step step : ordered()) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("step", step.name());
      row.put("after", step.after().isEmpty() ? "-" : String.join(", ", step.after()));
      row.put("command", step.command());
      if (!left.contains(step.name())) {
        row.put("requests", null);
        row.put("at_the_limit", null);
        row.put("begins", null);
        row.put("takes", null);
        row.put(
            "if_short",
            !selected.contains(step.name())
                ? "not selected"
                : done.get(step.name()).state().text() + " already");
        ends.put(step.name(), 0L);
        rows.add(row);
        continue;
      }
      long begins =
          step.after().stream().mapToLong(before -> ends.getOrDefault(before, 0L)).max().orElse(0);
      Requests requests =
          requests(step, earlier.get(step.name()), entries.containsKey(step.name()));
      long takes = Math.max(step.takes().toMillis(), requests.millis());
      if (earlier.containsKey(step.name())) {
        takes = step.takes().toMillis();
      }
      takes = step.most() == null ? takes : Math.min(takes, step.most().toMillis());
      long room = budget.toMillis() - spent - begins - pipeline.kept(step.name(), left).toMillis();
      String fate = step.ifShort().name().toLowerCase(Locale.ROOT);
      if (step.ifShort() == IfShort.SKIP && room < step.takes().toMillis()
          || step.ifShort() == IfShort.CUT && room <= 0) {
        takes = 0;
        fate = "would be SKIPPED";
        long kept = pipeline.kept(step.name(), left).toMillis();
        notes.add(
            step.name()
                + " would be skipped: it takes "
                + Messages.time(step.takes().toMillis())
                + ", and would have "
                + (room <= 0 ? "none" : Messages.time(room))
                + (kept > 0
                    ? ", because " + Messages.time(kept) + " are kept for what comes after it"
                    : ""));
      } else if (step.ifShort() != IfShort.RUN && takes > room) {
        takes = room;
        fate = "would be CUT";
        notes.add(
            step.name()
                + " would be stopped after "
                + Messages.time(room)
                + ", and its data so far used");
      }
      boolean skipped = fate.equals("would be SKIPPED");
      (skipped ? List.<Job>of() : PipelineStatus.jobs(settings.home(), step))
          .stream()
              .map(Job::getUrl)
              .distinct()
              .filter(url -> settings.text(url).isEmpty())
              .forEach(
                  url ->
                      notes.add(
                          step.name()
                              + " would fail: the setting "
                              + url
                              + " ("
                              + settings.source(url)
                              + " in the environment) is not set"
                              + (step.goesOn() ? "; the others would continue without it" : "")));
      row.put("requests", requests.number() == 0 ? null : requests.number());
      row.put(
          "at_the_limit",
          requests.millis() == 0
              ? null
              : Messages.time(Math.max(1000, requests.millis() / 1000 * 1000)));
      row.put("begins", "+" + clock(begins));
      row.put(
          "takes",
          takes == 0 && !fate.startsWith("would")
              ? "-"
              : Messages.time(takes >= 1000 ? takes / 1000 * 1000 : takes));
      row.put("if_short", fate);
      rows.add(row);
      if (requests.number() > 0 && !skipped) {
        notes.add(
            step.name()
                + ": "
                + Messages.count(requests.number())
                + " requests ("
                + requests.from()
                + ")"
                + (requests.perSecond() > 0
                    ? String.format(
                        Locale.ROOT,
                        " at %.4g a second (%s)",
                        requests.perSecond(),
                        requests.paceFrom())
                    : ""));
      }
      if (!skipped) {
        notes.add(
            step.name()
                + " takes "
                + (earlier.containsKey(step.name())
                    ? "as long as in its last pass here, which ended "
                        + time(earlier.get(step.name()).endedAt())
                    : takes > 0 && takes == requests.millis()
                        ? "as long as its requests take at the limit"
                        : "the time that the file expects ("
                            + pipeline.file().getFileName()
                            + ":"
                            + step.line()
                            + ")")
                + (step.most() == null
                    ? ""
                    : ", and " + Messages.time(step.most().toMillis()) + " at most"));
      }
      ends.put(step.name(), begins + takes);
      together = Math.max(together, begins + takes);
    }
    return new Result(rows, notes, together / 1000, budget.minusMillis(spent).toSeconds());
  }

  /** The steps in an order in which each stands behind those that it comes after. */
  private List<Step> ordered() {
    List<Step> ordered = new ArrayList<>();
    while (ordered.size() < pipeline.steps().size()) {
      pipeline.steps().values().stream()
          .filter(
              step ->
                  !ordered.contains(step)
                      && step.after().stream()
                          .allMatch(before -> ordered.contains(pipeline.step(before))))
          .findFirst()
          .ifPresent(ordered::add);
    }
    return ordered;
  }

  private static String clock(long millis) {
    return String.format(Locale.ROOT, "%d:%02d", millis / 3_600_000, millis / 60_000 % 60);
  }

  private static String time(long millis) {
    return Instant.ofEpochMilli(millis).toString().substring(0, 16).replace('T', ' ') + "Z";
  }

  /**
   * What a step has left to ask: what its jobs' ledgers have pending, what its last pass made, or
   * what the file says.
   */
  private Requests requests(Step step, Entry before, boolean begun) {
    List<Job> jobs = PipelineStatus.jobs(settings.home(), step);
    double perSecond = 0;
    String paceFrom = "";
    long pending = 0;
    for (Job job : jobs) {
      double pace = pace(job.getSource());
      // jobs of one step go on side by side; the slowest source counts
      if (perSecond == 0 || pace < perSecond) {
        perSecond = pace;
        paceFrom = "routes/sources/" + job.getSource() + ".camel.yaml";
      }
      pending += begun && !job.isPass() ? pending(job) : 0;
    }
    if (pending > 0) {
      return new Requests(
          pending, "at least, for the ids that are pending in the ledger", perSecond, paceFrom);
    }
    if (before != null && before.requests() > 0) {
      return new Requests(
          before.requests(),
          "as in its last pass, which ended " + time(before.endedAt()),
          perSecond,
          paceFrom);
    }
    return new Requests(
        step.requests(),
        step.requestsFrom() + "; " + pipeline.file().getFileName() + ":" + step.line(),
        perSecond,
        paceFrom);
  }

  private long pending(Job job) {
    Path file = JobRun.ledgerFile(settings, job.getName());
    if (!Ledger.exists(file)) {
      return 0;
    }
    long[] requests = {0};
    long[] ids = {0};
    int span =
        settings.has(job.getName() + ".span") ? settings.number(job.getName() + ".span", 1) : 1;
    try (Ledger ledger = Ledger.open(file)) {
      ledger.entries(
          State.PENDING,
          Long.MAX_VALUE,
          entry -> {
            ids[0]++;
            requests[0] +=
                job.idKind() == IdKind.RANGE ? (Ranges.width(entry.id()) + span - 1) / span : 0;
          });
    }
    int size = settings.number(job.getName() + ".batch-size", 1);
    return job.idKind() == IdKind.RANGE ? requests[0] : (ids[0] + size - 1) / size;
  }

  /**
   * Requests a second that a source's route lets through, read from its throttle; 0 where it has
   * none that is a number.
   */
  double pace(String source) {
    Path file = settings.home().resolve("routes/sources/" + source + ".camel.yaml");
    try {
      Object yaml =
          new Load(LoadSettings.builder().setLabel(file.toString()).build())
              .loadFromString(Files.readString(file));
      if (find(find(yaml, "id", source), "throttle", null) instanceof Map<?, ?> route
          && route.get("throttle") instanceof Map<?, ?> throttle
          && throttle.get("expression") instanceof Map<?, ?> expression
          && expression.get("constant") instanceof Map<?, ?> constant) {
        return Double.parseDouble(String.valueOf(constant.get("expression")))
            * 1000
            / Double.parseDouble(String.valueOf(throttle.get("timePeriodMillis")));
      }
      return 0;
    } catch (NumberFormatException e) {
      return 0;
    } catch (IOException | YamlEngineException e) {
      throw new UserError(
          file + ": " + e.getMessage().lines().findFirst().orElse("cannot be read"));
    }
  }

  /** The first map, at any depth, that has a key, with that value where one is given. */
  private static Object find(Object in, String key, String value) {
    if (in instanceof Map<?, ?> map
        && map.containsKey(key)
        && (value == null || value.equals(map.get(key)))) {
      return map;
    }
    Iterable<?> parts =
        in instanceof Map<?, ?> map ? map.values() : in instanceof List<?> list ? list : List.of();
    for (Object part : parts) {
      Object found = find(part, key, value);
      if (found != null) {
        return found;
      }
    }
    return null;
  }
}
