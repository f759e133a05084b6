package polymarket.backfill.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import picocli.CommandLine.Option;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Period;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;

/** The options of {@code run}, what they mean, and which of them can be combined. */
final class RunOptions {

  @Option(
      names = "--ids",
      paramLabel = "FILE",
      description =
          "Ids to add to the job's ledger: one per line, separated by commas or a JSON array, plain"
              + " or .gz, a file, a pipe or - for standard input. Without it, the job queries"
              + " ClickHouse for the missing ids; one whose ids are ranges takes --from and --to.")
  String ids;

  @Option(
      names = "--column",
      paramLabel = "NAME",
      description =
          "With --ids: the column of a CSV file, or the field of JSON objects, that has the ids.")
  String column;

  @Option(names = "--strict", description = "Reject the file if any line is invalid.")
  boolean strict;

  @Option(
      names = "--redo",
      paramLabel = "STATE",
      split = ",",
      description =
          "Fetch ids again that are failed, unresolved, absent, found, or all; with --limit N, N of"
              + " them; with --from and --to, the ranges that hold one of these numbers.")
  List<String> redo;

  @Option(
      names = "--older-than",
      paramLabel = "TIME",
      description = "With --redo: only ids marked longer ago than that, such as 7d.")
  String olderThan;

  @Option(
      names = "--since",
      paramLabel = "TIME",
      description =
          "For jobs that find their ids themselves: the start of the period; a date, a time such as"
              + " 2026-11-01T00:00:00Z, or an age such as 30d.")
  String since;

  @Option(names = "--days", paramLabel = "N", description = "The last N days, as --since Nd.")
  Integer days;

  @Option(
      names = "--until",
      paramLabel = "TIME",
      description = "The end of the period, in the same forms.")
  String until;

  @Option(
      names = "--from",
      paramLabel = "N",
      description = "For jobs whose ids are ranges, such as ranges of blocks: the first number.")
  Long from;

  @Option(
      names = "--to",
      paramLabel = "N|latest",
      description =
          "For jobs whose ids are ranges: the last number, or latest (the default) for the source's"
              + " newest.")
  String to;

  @Option(
      names = "--datasets",
      paramLabel = "NAME",
      split = ",",
      description =
          "For jobs with datasets: those to fetch, separated by commas; all of them by default."
              + " Each dataset has its own progress.")
  List<String> datasets;

  @Option(
      names = "--worker",
      paramLabel = "N",
      description = "Take the N-th share of the ids and of the pace.")
  Integer worker;

  @Option(names = "--of", paramLabel = "M", description = "How many workers share the job.")
  Integer of;

  @Option(names = "--batch-size", paramLabel = "N", description = "Ids per batch.")
  Integer batchSize;

  @Option(names = "--concurrency", paramLabel = "N", description = "Batches in flight at once.")
  Integer concurrency;

  @Option(
      names = "--pace",
      paramLabel = "PART",
      defaultValue = "1",
      description = "Part of the source's limit to use, such as 0.5.")
  double pace;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description =
          "Fetch at most N ids of each job (of ranges, N ranges, which may be divided); the same"
              + " command without it continues.")
  Long limit;

  @Option(names = "--json", description = "Print the result as one JSON object on standard output.")
  boolean json;

  /**
   * Checks what can be checked without the jobs' definitions.
   *
   * @throws UserError with the first option that is invalid, or cannot be combined with another
   */
  void check(List<String> jobs) {
    if ((worker == null) != (of == null)) {
      throw new UserError("--worker N needs --of M and vice versa, such as --worker 2 --of 4");
    }
    if (!(pace > 0 && pace <= 1)) {
      throw new UserError(
          "--pace is " + pace + "; it takes a part of the limit above 0 and up to 1");
    }
    if (limit != null && limit < 1) {
      throw new UserError("--limit is " + limit + "; it takes a number of at least 1");
    }
    if (olderThan != null && redo == null) {
      throw new UserError("--older-than requires --redo");
    }
    if (to != null && !to.equals("latest") && !to.matches("\\d{1,12}")
        || from != null && (from < 0 || from > 999_999_999_999L)) {
      throw new UserError(
          (from == null ? "" : "--from " + from)
              + (from == null || to == null ? "" : " ")
              + (to == null ? "" : "--to " + to)
              + ": --from takes a whole number of up to 12 digits, --to such a number or latest");
    }
    if (from != null && to != null && !to.equals("latest") && from > Long.parseLong(to)) {
      throw new UserError("--from " + from + " is beyond --to " + to);
    }
    if (days != null) {
      if (days < 1) {
        throw new UserError("--days is " + days + "; it takes a whole number of at least 1");
      }
      if (since != null) {
        throw new UserError("--days cannot be combined with --since: both say where to begin");
      }
      since = days + "d";
    }
    if (ids != null && jobs.size() > 1) {
      throw new UserError("--ids takes one job; " + jobs.size() + " are given");
    }
    if (ids == null && (column != null || strict)) {
      throw new UserError((column != null ? "--column" : "--strict") + " requires --ids");
    }
    if (ids != null && (from != null || to != null || datasets != null)) {
      throw new UserError(
          "--ids cannot be combined with --from, --to and --datasets: the list says what to fetch");
    }
  }

  /** Whether the ids come through a pipe or standard input, which no other process can read. */
  boolean idsNeedThisProcess() {
    return ids != null && (ids.equals("-") || !Files.isRegularFile(Path.of(ids)));
  }

  Period period() {
    return new Period(since, until);
  }

  Share share() {
    return worker == null ? Share.WHOLE : new Share(worker, of);
  }

  long most() {
    return limit == null ? Long.MAX_VALUE : limit;
  }

  /** How long ago an id has to be marked to be fetched again; null for any time. */
  Duration age() {
    return olderThan == null ? null : Settings.duration(olderThan, "--older-than");
  }

  /** Leaves --from and --to out: nothing new is loaded, what is pending is fetched. */
  void withoutRange() {
    from = null;
    to = null;
  }

  /** Lets the next round of --follow continue where the one before ended. */
  void followOn() {
    from = null;
    to = "latest";
  }

  /**
   * Rejects options that do not apply to a job: without them, it would fetch more than requested.
   */
  void check(Job job) {
    Set<String> none = notOf(job);
    Map<String, Object> given = new LinkedHashMap<>();
    given.put("--from", from);
    given.put("--to", to);
    given.put("--days", days);
    given.put("--since", since);
    given.put("--until", until);
    given.forEach(
        (option, value) -> {
          if (value != null && none.contains(option)) {
            boolean ofRanges = option.equals("--from") || option.equals("--to");
            throw new UserError(
                job.getName()
                    + " takes no "
                    + option
                    + ": "
                    + (ofRanges ? "its ids are not ranges" : "it has no time filter"));
          }
        });
    if (datasets != null) {
      if (datasets.stream().allMatch(String::isBlank)) {
        throw new UserError(
            "--datasets is empty"
                + (job.getDatasets().isEmpty()
                    ? ""
                    : "; the datasets of "
                        + job.getName()
                        + " are: "
                        + String.join(", ", job.getDatasets())));
      }
      Ranges.requireDatasets(job, datasets);
    }
  }

  private static boolean asksByTime(Job job) {
    return job.isWindow()
        || job.sql().has("ids")
            && job.sql().section("ids").statements().stream()
                .anyMatch(sql -> sql.contains("{since}"));
  }

  /** The options that a job does not take, whatever their values. */
  static Set<String> notOf(Job job) {
    Set<String> none = new TreeSet<>();
    if (job.idKind() != IdKind.RANGE) {
      none.addAll(List.of("--from", "--to", "--follow"));
    }
    if (job.getDatasets().isEmpty()) {
      none.add("--datasets");
    }
    if (!asksByTime(job)) {
      none.addAll(List.of("--since", "--until", "--days"));
    }
    if (job.isPass()) {
      none.addAll(List.of("--ids", "--column", "--strict"));
    }
    return none;
  }

  /** The states of --redo; none without it. */
  Set<State> redoStates() {
    Set<State> states = EnumSet.noneOf(State.class);
    for (String name : redo == null ? List.<String>of() : redo) {
      List<State> all = List.of(State.FOUND, State.ABSENT, State.UNRESOLVED, State.FAILED);
      if (name.equals("all")) {
        states.addAll(all);
      } else {
        states.add(
            all.stream()
                .filter(state -> state.text().equals(name))
                .findFirst()
                .orElseThrow(
                    () ->
                        new UserError(
                            "--redo "
                                + name
                                + ": it takes failed, unresolved, absent, found or all")));
      }
    }
    return states;
  }
}
