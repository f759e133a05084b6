package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.ledger.State;
import polymarket.backfill.run.CamelMetrics;
import polymarket.backfill.run.Heads;
import polymarket.backfill.run.JobStatus;
import polymarket.backfill.run.RunState;

/** What {@code GET /metrics} of the page answers: the ledgers, the runs, and the last checks. */
final class ServeMetrics {

  /** So long Camel's metrics of a run are shown after they were written last. */
  private static final long CAMEL_MILLIS = TimeUnit.MINUTES.toMillis(2);

  private final PrometheusText text = new PrometheusText();

  /** The source of a job, where its run does not say it. */
  private final Map<String, String> sources;

  private final Settings settings;
  private final List<SharedLedgers.MemberInfo> members;

  private ServeMetrics(Settings settings, Map<String, String> sources) {
    this.members = SharedLedgers.members(settings);
    this.settings = settings;
    this.sources = sources;
  }

  /**
   * @param sources the first source of each job
   */
  static String of(
      Settings settings, List<StatusCommand.LedgerStatus> ledgers, Map<String, String> sources) {
    ServeMetrics metrics = new ServeMetrics(settings, sources);
    ledgers.forEach(metrics::ledger);
    List<JobStatus> runs = ledgers.stream().flatMap(ledger -> ledger.runs().stream()).toList();
    runs.stream().filter(run -> run.state() == RunState.RUNNING).forEach(metrics::run);
    metrics.answers(runs);
    metrics.camel();
    LastChecks.audit(settings).ifPresent(metrics::audit);
    LastChecks.ready(settings).ifPresent(metrics::ready);
    return metrics.text.toString();
  }

  private void ledger(StatusCommand.LedgerStatus ledger) {
    for (State state : State.values()) {
      text.gauge(
          "backfill_ids",
          "Ids of a job's ledger, by state.",
          labels("job", ledger.job(), "state", state.text()),
          ledger.ids().of(state));
    }
    Map<String, Long> rows = new LinkedHashMap<>();
    rows.put("fetched", ledger.rows().fetched());
    rows.put("inserted", ledger.rows().inserted());
    rows.put("duplicate", ledger.rows().duplicate());
    rows.put("rejected", ledger.rows().rejected());
    rows.forEach(
        (kind, value) ->
            text.gauge(
                "backfill_rows",
                "Rows of a job's answers, by what was done with them.",
                labels("job", ledger.job(), "kind", kind),
                value));
    Map<String, String> job = labels("job", ledger.job());
    text.gauge(
        "backfill_ledger_balanced",
        "1 if the sums of a job's ledger add up.",
        job,
        ledger.balanced() ? 1 : 0);
    text.gauge(
        "backfill_running",
        "Processes that run a job, members of a shared ledger on other machines too.",
        job,
        StatusCommand.running(ledger.runs(), members, ledger.job()));
    ledger.runs().stream()
        .map(JobStatus::numbers)
        .filter(Objects::nonNull)
        .mapToLong(this::lag)
        .max()
        .ifPresent(
            lag ->
                text.gauge(
                    "backfill_lag_to_head",
                    "Numbers, such as blocks, that are not fetched, up to the newest that any"
                        + " source had when it was last asked.",
                    labels("job", ledger.job()),
                    lag));
  }

  /** What a job has not fetched of its ranges, and what has come since they were loaded. */
  private long lag(JobStatus.Numbers numbers) {
    long head = Heads.newest(settings, numbers.unit()).orElse(0);
    long since = numbers.last() == 0 ? 0 : Math.max(0, head - numbers.last());
    return numbers.total() - numbers.done() + since;
  }

  /** What a process that runs a job says of itself. */
  private void run(JobStatus status) {
    Map<String, String> labels =
        labels(
            "job", status.job(),
            "source", sources.getOrDefault(status.job(), status.job()),
            "worker", status.worker() == null ? "" : status.worker());
    JobStatus.Run run = status.run();
    text.gauge("backfill_run_requests", "Requests of this run.", labels, run.requests());
    text.gauge("backfill_run_retries", "Retried calls of this run.", labels, run.retries());
    text.gauge(
        "backfill_requests_per_second",
        "Requests a second, over the last ten seconds.",
        labels,
        run.requestsPerSecond());
    text.gauge(
        "backfill_limit_per_second",
        "Requests a second that the source's throttle allows.",
        labels,
        run.limitPerSecond());
    if (run.limitUsed() != null) {
      text.gauge("backfill_pace_used", "Part of the limit that is used.", labels, run.limitUsed());
    }
    text.gauge("backfill_ids_per_second", "Ids done a second.", labels, run.idsPerSecond());
    text.gauge(
        "backfill_source_waiting",
        "1 while the run waits for its source.",
        labels,
        run.waitingFor() == null ? 0 : 1);
    if (run.secondsLeft() != null) {
      text.gauge("backfill_seconds_left", "Seconds until it is done.", labels, run.secondsLeft());
    }
  }

  /**
   * The answers of each source in the last runs, and open circuits. Jobs of one process share its
   * sources: a process counts once.
   */
  private void answers(List<JobStatus> runs) {
    Map<String, Map<String, JobStatus.SourceState>> bySource = new TreeMap<>();
    Map<String, Boolean> open = new TreeMap<>();
    for (JobStatus run : runs) {
      for (JobStatus.SourceState of :
          run.sources() == null ? List.<JobStatus.SourceState>of() : run.sources()) {
        bySource
            .computeIfAbsent(of.source(), source -> new TreeMap<>())
            .merge(
                run.pid() + " " + run.startedAt().substring(0, 16),
                of,
                (one, other) -> sum(one) >= sum(other) ? one : other);
        open.merge(
            of.source(), run.state() == RunState.RUNNING && of.circuitOpen(), Boolean::logicalOr);
      }
    }
    bySource.forEach(
        (source, processes) -> {
          Map<String, Long> answers = new TreeMap<>();
          processes
              .values()
              .forEach(
                  of -> of.answers().forEach((status, n) -> answers.merge(status, n, Long::sum)));
          answers.forEach(
              (status, n) ->
                  text.counter(
                      "backfill_source_answers_total",
                      "Answers of a source in the last run of each job, by HTTP status; none for"
                          + " requests without an answer.",
                      labels("source", source, "status", status),
                      n));
        });
    open.forEach(
        (source, isOpen) ->
            text.gauge(
                "backfill_circuit_open",
                "1 while a source's circuit breaker refuses calls.",
                labels("source", source),
                isOpen ? 1 : 0));
  }

  private static long sum(JobStatus.SourceState of) {
    return of.answers().values().stream().mapToLong(Long::longValue).sum();
  }

  /** What Camel counts in the runs that go on, and in those that have just ended. */
  private void camel() {
    long since = System.currentTimeMillis() - CAMEL_MILLIS;
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(settings.path("runtime.dir"), "*" + CamelMetrics.SUFFIX)) {
      List<String> texts = new ArrayList<>();
      for (Path file : files) {
        if (Files.getLastModifiedTime(file).toMillis() >= since) {
          texts.add(Files.readString(file));
        }
      }
      texts.stream().sorted().forEach(text::add);
    } catch (NoSuchFileException e) {
      // another process deleted it, or nothing has run here
    } catch (IOException e) {
      throw new UserError("cannot read Camel's metrics: " + UserError.reason(e));
    }
  }

  private void audit(JsonNode audit) {
    for (JsonNode law : audit.path("laws")) {
      text.gauge(
          "backfill_audit_violations",
          "Cases of the last audit that break a law.",
          labels("law", law.path("law").asText()),
          law.path("broken").asDouble());
    }
  }

  private void ready(JsonNode ready) {
    text.gauge(
        "backfill_ready",
        "1 if the last verdict of ready was YES.",
        Map.of(),
        ready.path("ready").asBoolean() ? 1 : 0);
    for (JsonNode measure : ready.path("measures")) {
      if (measure.path("value").isNumber()) {
        text.gauge(
            "backfill_ready_measure",
            "The measures of the last verdict of ready; a share is a part of 1.",
            labels("measure", measure.path("measure").asText()),
            measure.path("value").asDouble());
      }
    }
  }

  private static Map<String, String> labels(String... namesAndValues) {
    Map<String, String> labels = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      labels.put(namesAndValues[i], namesAndValues[i + 1]);
    }
    return labels;
  }
}
