package polymarket.backfill.pipeline;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.job.Job;
import polymarket.backfill.pipeline.Pipeline.IfShort;
import polymarket.backfill.pipeline.Pipeline.Step;
import polymarket.backfill.pipeline.PipelineLedger.Entry;

/**
 * The plan of a pipeline's run: each step with its requests, their time at the limits, and its
 * start. Estimated from files and ledgers alone, without requests to a source or ClickHouse.
 */
public final class Plan {

  private static final String SKIPPED = "would be SKIPPED";
  private static final String CUT = "would be CUT";

  /**
   * A step of the plan, as it is printed; null where a column does not apply. The names of the
   * fields, in snake case, are what scripts match on.
   *
   * @param atTheLimit the least time for the requests
   * @param ifShort what happens to it in the available time, or why it is not run
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record Row(
      String step,
      String after,
      String command,
      Long requests,
      String atTheLimit,
      String begins,
      String takes,
      String ifShort) {

    /** Whether the run would come to it. */
    public boolean planned() {
      return begins != null;
    }
  }

  /**
   * The plan.
   *
   * @param notes where the numbers come from, and what happens when time is short
   * @param seconds from the beginning to the end
   * @param budgetSeconds the available time
   */
  public record Result(List<Row> steps, List<String> notes, long seconds, long budgetSeconds) {}

  private final Settings settings;
  private final Pipeline pipeline;
  private final PassStart start;

  /** The steps of the pass that is continued, and every step as it last ended by itself. */
  private final Map<String, Entry> entries;

  private final Map<String, Entry> earlier;
  private final Set<String> selected;
  private final Set<String> open;
  private final List<Row> rows = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  /** When each step ends, in milliseconds from the start. */
  private final Map<String, Long> ends = new LinkedHashMap<>();

  private Plan(Settings settings, Pipeline inFile, PipelineRun.Options options) {
    this.settings = settings;
    try (PipelineLedger ledger = PipelineLedger.read(settings, inFile.name())) {
      start = PassStart.of(ledger == null ? null : ledger.last(), options, inFile.budget());
      entries = start.isNew() ? Map.of() : ledger.steps(start.pass().number());
      earlier = ledger == null ? Map.of() : ledger.lastDone();
    }
    pipeline = inFile.taking(PipelineRun.times(earlier));
    selected = options.selected(pipeline);
    open = new LinkedHashSet<>(selected);
    open.removeIf(name -> !options.isPart() && isDone(name));
  }

  /** Makes the plan of what a run with these options would do now. */
  public static Result of(Settings settings, Pipeline pipeline, PipelineRun.Options options) {
    return new Plan(settings, pipeline, options).result();
  }

  private Result result() {
    for (Step step : ordered()) {
      if (open.contains(step.name())) {
        plan(step);
      } else {
        ends.put(step.name(), 0L);
        rows.add(
            row(
                step,
                null,
                null,
                null,
                null,
                selected.contains(step.name())
                    ? entries.get(step.name()).state().text() + " already"
                    : "not selected"));
      }
    }
    long total = ends.values().stream().mapToLong(Long::longValue).max().orElse(0);
    return new Result(
        rows, notes, total / 1000, (start.budgetMillis() - start.spentMillis()) / 1000);
  }

  /** Whether the pass has done with a step, and would not begin it again. */
  private boolean isDone(String step) {
    Entry entry = entries.get(step);
    return entry != null && (entry.state() == StepState.DONE || entry.state().isShort());
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

  private void plan(Step step) {
    long begins =
        step.after().stream().mapToLong(before -> ends.getOrDefault(before, 0L)).max().orElse(0);
    StepRequests requests =
        StepRequests.of(
            settings, pipeline, step, earlier.get(step.name()), entries.containsKey(step.name()));
    long kept = pipeline.kept(step.name(), open).toMillis();
    long room = start.budgetMillis() - start.spentMillis() - begins - kept;
    long takes = expected(step, requests);
    String fate = step.ifShort().name().toLowerCase(Locale.ROOT);
    if (!step.isStartedWith(room)) {
      takes = 0;
      fate = SKIPPED;
      noteSkipped(step, room, kept);
    } else if (step.ifShort() != IfShort.RUN && takes > room) {
      takes = room;
      fate = CUT;
      notes.add(
          step.name()
              + " would be stopped after "
              + Messages.time(room)
              + ", and its data so far used");
    }
    rows.add(
        row(
            step,
            requests.number() == 0 ? null : requests.number(),
            requests.millis() == 0 ? null : Messages.time(wholeSeconds(requests.millis(), 1000)),
            "+" + clock(begins),
            takes == 0 && !fate.equals(SKIPPED) && !fate.equals(CUT)
                ? "-"
                : Messages.time(takes >= 1000 ? wholeSeconds(takes, 0) : takes),
            fate));
    if (!fate.equals(SKIPPED)) {
      noteStarted(step, requests, takes);
    }
    ends.put(step.name(), begins + takes);
  }

  /** How long a step is expected to take when there is time enough. */
  private long expected(Step step, StepRequests requests) {
    long takes =
        earlier.containsKey(step.name())
            ? step.takes().toMillis()
            : Math.max(step.takes().toMillis(), requests.millis());
    return step.most() == null ? takes : Math.min(takes, step.most().toMillis());
  }

  private void noteSkipped(Step step, long room, long kept) {
    notes.add(
        step.name()
            + " would be skipped: it takes "
            + Messages.time(step.takes().toMillis())
            + ", and "
            + (room <= 0 ? "no time" : Messages.time(room))
            + " would be left"
            + (kept > 0
                ? ", because " + Messages.time(kept) + " of the budget is reserved for later steps"
                : ""));
  }

  /** Notes the missing settings of a step, and where its numbers come from. */
  private void noteStarted(Step step, StepRequests requests, long takes) {
    StepJobs.of(settings.home(), step).stream()
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
    if (requests.number() > 0) {
      notes.add(step.name() + ": " + requests.text());
    }
    notes.add(
        step.name()
            + " takes "
            + (earlier.containsKey(step.name())
                ? "as long as in its last pass here, which ended "
                    + time(earlier.get(step.name()).endedAt())
                : takes > 0 && takes == requests.millis()
                    ? "as long as its requests take at the limit"
                    : "the time that the file expects (" + pipeline.where(step) + ")")
            + (step.most() == null
                ? ""
                : ", and " + Messages.time(step.most().toMillis()) + " at most"));
  }

  private static Row row(
      Step step, Long requests, String atTheLimit, String begins, String takes, String ifShort) {
    return new Row(
        step.name(),
        step.after().isEmpty() ? "-" : String.join(", ", step.after()),
        step.command(),
        requests,
        atTheLimit,
        begins,
        takes,
        ifShort);
  }

  private static long wholeSeconds(long millis, long least) {
    return Math.max(least, millis / 1000 * 1000);
  }

  private static String clock(long millis) {
    return String.format(Locale.ROOT, "%d:%02d", millis / 3_600_000, millis / 60_000 % 60);
  }

  /** An instant to the minute: 2026-11-28 02:52Z. */
  static String time(long millis) {
    return Instant.ofEpochMilli(millis).toString().substring(0, 16).replace('T', ' ') + "Z";
  }
}
