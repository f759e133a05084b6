package polymarket.backfill.run;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Parts;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.ledger.SharedLedgers;

/** Looks, before a long run, at all that a run needs: machine, ClickHouse, sources, keys, locks. */
public final class Doctor {

  /** Less free space than this is an error: the larger jobs write gigabytes. */
  private static final long FREE_BYTES = 10L << 30;

  /**
   * Requests that are signed with the time are refused by the CLOB when the clock is further off.
   */
  private static final long CLOCK_SECONDS = 10;

  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private static final List<String> QUOTA =
      List.of("ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining");

  /** How a check ended. */
  public enum Verdict {
    OK,
    SKIPPED,
    FAILED
  }

  /**
   * What was looked at.
   *
   * @param found in a few words
   * @param toDo what a person can do about it; empty where there is nothing to do
   */
  public record Finding(String what, Verdict verdict, String found, String toDo) {}

  private final Settings settings;
  private final Messages messages;
  private final List<Finding> findings = new ArrayList<>();
  private final Map<String, Long> latencies = new TreeMap<>();

  private Doctor(Settings settings, Messages messages) {
    this.settings = settings;
    this.messages = messages;
  }

  /**
   * Checks everything; a failed check does not end it. One real request goes to each source, at the
   * source's pace.
   */
  public static List<Finding> examine(Settings settings, Messages messages) {
    Doctor doctor = new Doctor(settings, messages);
    doctor.ok("Java", Runtime.version().toString());
    doctor.folder("runtime.dir");
    if (settings.text("clickhouse.url").isEmpty()) {
      doctor.folder("clickhouse.data");
    }
    doctor.values();
    doctor.locks();
    boolean paced = doctor.cluster();
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      doctor.ok(
          "ClickHouse", clickHouse.where() + ", version " + clickHouse.value("SELECT version()"));
      doctor.rights(clickHouse);
      if (paced) {
        doctor.sources(clickHouse);
      } else {
        doctor.findings.add(
            new Finding(
                "sources",
                Verdict.SKIPPED,
                "not asked: members share their pace in the database of cluster.url",
                ""));
      }
    } catch (UserError e) {
      // the embedded engine's message says what to do
      doctor.failed(
          "ClickHouse",
          e.getMessage(),
          settings.text("clickhouse.url").isEmpty()
              ? ""
              : "start it, or correct clickhouse.url and its user");
      doctor.failed("sources", "not asked: the routes that ask them need ClickHouse", "");
    }
    Latencies.keep(settings, doctor.latencies);
    return doctor.findings;
  }

  private void ok(String what, String found) {
    findings.add(new Finding(what, Verdict.OK, found, ""));
  }

  private void failed(String what, String found, String toDo) {
    findings.add(new Finding(what, Verdict.FAILED, found, toDo));
  }

  private void folder(String key) {
    Path folder = settings.path(key);
    Path there = folder;
    while (!Files.exists(there) && there.getParent() != null) {
      there = there.getParent();
    }
    long free = there.toFile().getUsableSpace();
    String found = folder + ", " + Memory.text(free) + " free";
    if (!Files.isDirectory(there) || !Files.isWritable(there)) {
      failed(key, there + " cannot be written", "set " + key + " to a folder of your own");
    } else if (free < FREE_BYTES) {
      failed(
          key, found, "free " + Memory.text(FREE_BYTES) + ", or set " + key + " to another disk");
    } else {
      ok(key, found);
    }
  }

  /** Reads the settings that a run or a service would read later. */
  private void values() {
    int before = findings.size();
    valid(() -> settings.port("serve.port"));
    valid(() -> settings.port("clickhouse.port"));
    for (String name : Job.names(settings.home())) {
      Job job = Job.read(settings.home(), name);
      valid(() -> job.checkValues(settings));
      valid(() -> job.parts(settings.home(), Parts.source(settings, job)));
      for (String number : List.of(".batch-size", ".concurrency", ".span")) {
        if (settings.has(name + number)) {
          valid(() -> settings.number(name + number, 1));
        }
      }
    }
    if (findings.size() == before) {
      ok("settings", "of jobs and ports");
    }
  }

  private void valid(Runnable read) {
    try {
      read.run();
    } catch (UserError e) {
      failed("settings", e.getMessage(), "");
    }
  }

  private void locks() {
    List<ShareLock.Holder> holders = ShareLock.all(settings.path("runtime.dir"));
    ok(
        "running now",
        holders.isEmpty()
            ? "nothing"
            : holders.stream().map(ShareLock.Holder::toString).collect(Collectors.joining("; ")));
  }

  /**
   * Joins the members that share ledgers, and leaves them again.
   *
   * @return whether the sources can be asked at the pace that members share, or that is this
   *     machine's
   */
  private boolean cluster() {
    if (settings.text("cluster.url").isEmpty()) {
      return true;
    }
    try {
      SharedLedgers cluster = SharedLedgers.of(settings);
      try (Member member = Member.join(cluster, List.of("doctor"), why -> {})) {
        long others =
            cluster.members().stream()
                .filter(other -> other.alive() && other.member() != member.number())
                .count();
        ok("cluster.url", cluster.where() + ", " + Messages.count(others, "other member"));
      }
      return true;
    } catch (UserError e) {
      failed("cluster.url", e.getMessage(), "see docs/CLUSTER.md for what PostgreSQL needs");
      return false;
    }
  }

  /** Makes and drops a table, as a run does, in each database that runs write to. */
  private void rights(ClickHouse clickHouse) {
    for (String database : List.of("default", "cascadian_clean")) {
      String table = database + ".backfill_doctor_" + ProcessHandle.current().pid();
      try {
        clickHouse.execute("CREATE DATABASE IF NOT EXISTS " + database);
        clickHouse.execute("CREATE TABLE " + table + " (id UInt8) ENGINE = MergeTree ORDER BY id");
        clickHouse.execute("INSERT INTO " + table + " VALUES (1)");
        clickHouse.execute("DROP TABLE " + table);
        ok("rights in " + database, "create, insert, drop");
      } catch (UserError e) {
        failed(
            "rights in " + database,
            e.getMessage(),
            "GRANT SELECT, INSERT, CREATE, DROP, ALTER ON " + database + ".* TO the user");
      }
    }
  }

  /**
   * How a source is asked.
   *
   * @param key the setting with its URL, or the one without which it is not asked
   */
  private record Asked(Job job, String source, String key) {}

  /** Asks each source by the first job that uses it and can; further sources where they are set. */
  private void sources(ClickHouse clickHouse) {
    Map<String, Asked> all = new LinkedHashMap<>();
    for (String name : Job.names(settings.home())) {
      Job job = Job.read(settings.home(), name);
      if (probe(job).isPresent()) {
        add(all, new Asked(job, job.getSource(), job.getUrl()));
        job.getOthers()
            .forEach(
                (other, keys) ->
                    Arrays.stream(keys.split(" "))
                        .filter(key -> !settings.text(key).isBlank())
                        .findFirst()
                        .ifPresent(key -> add(all, new Asked(job, other, key))));
      }
    }
    all.values().forEach(asked -> source(clickHouse, asked));
  }

  private static void add(Map<String, Asked> all, Asked asked) {
    all.putIfAbsent(asked.source() + " " + asked.key(), asked);
  }

  /** The URL of a source; of several, the first. */
  private static URI url(Settings settings, Asked asked) {
    String own = asked.source() + ".url";
    return settings.has(own) && !settings.text(asked.key()).strip().startsWith("http")
        ? settings.url(own)
        : settings.urls(asked.key()).get(0);
  }

  /** The id to ask for; none where the ids of a job depend on what is stored. */
  private Optional<String> probe(Job job) {
    if (!job.getProbe().isEmpty()) {
      return Optional.of(job.idKind().normalise(job.getProbe()));
    }
    return job.sql().has("ids") && job.sql().section("ids").attributes().get("needs") == null
        ? Optional.of("")
        : Optional.empty();
  }

  private void source(ClickHouse clickHouse, Asked asked) {
    Job job = asked.job();
    Settings alone =
        job.getOthers().isEmpty()
            ? settings
            : settings.with(job.getName() + ".sources", asked.source());
    String what = "source " + asked.source() + " (" + asked.key() + ")";
    if (settings.text(asked.key()).isEmpty()) {
      findings.add(
          new Finding(
              what,
              Verdict.SKIPPED,
              "no URL set; " + job.getName() + " needs one",
              "set " + settings.source(asked.key()) + " in the environment"));
      return;
    }
    URI url;
    try {
      url = url(settings, asked);
    } catch (UserError e) {
      failed(what, e.getMessage(), "");
      return;
    }
    try {
      job.check(alone);
    } catch (UserError e) {
      findings.add(new Finding(what, Verdict.SKIPPED, e.getMessage(), ""));
      return;
    }
    try {
      String id = probe(job).orElseThrow();
      if (id.isEmpty()) {
        id =
            String.valueOf(
                clickHouse
                    .rows(
                        job.sql()
                            .section("ids")
                            .sql(Map.of("since", "", "until", "", "source", "")),
                        Map.of())
                    .get(0)
                    .get("id"));
      }
      // a route may have to ask them what it needs to know of an id
      Views.create(clickHouse, job.getName());
      long before = System.nanoTime();
      Preview.Sample sample =
          Preview.sample(alone, job, clickHouse, List.of(id), 1, messages).samples().get(0);
      long millis = (System.nanoTime() - before) / 1_000_000;
      if (sample.failure() != null) {
        failed(
            what, sample.failure(), "look at its status page, the proxy, the key; then try again");
        // a request that is signed with a wrong time is refused; without a connection none is known
        clock(asked.source(), what, url, false);
      } else {
        ok(
            what,
            "asked as "
                + job.getName()
                + " asks: "
                + Messages.count(sample.rows(), "row")
                + " in "
                + Messages.time(millis));
        clock(asked.source(), what, url, true);
      }
    } catch (UserError e) {
      failed(what, e.getMessage(), "");
    }
  }

  /**
   * Compares the server's date with this clock, and tells what is left of a quota.
   *
   * @param answered whether the source answered; its silence is not told twice
   */
  private void clock(String source, String what, URI url, boolean answered) {
    try {
      HttpClient client = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
      long before = System.nanoTime();
      HttpResponse<Void> answer =
          client.send(
              // without a body, which the time-out would not end
              HttpRequest.newBuilder(url.resolve("/"))
                  .method("HEAD", HttpRequest.BodyPublishers.noBody())
                  .timeout(PATIENCE)
                  .build(),
              HttpResponse.BodyHandlers.discarding());
      long millis = (System.nanoTime() - before) / 1_000_000;
      latencies.put(source, millis);
      String quota =
          QUOTA.stream()
              .flatMap(name -> answer.headers().firstValue(name).stream())
              .findFirst()
              .map(left -> ", " + left + " requests left")
              .orElse("");
      Optional<String> date = answer.headers().firstValue("date");
      if (date.isEmpty()) {
        ok(what + " clock", "the server sends no date; latency " + Messages.time(millis) + quota);
        return;
      }
      long off =
          Math.abs(
              Duration.between(
                      ZonedDateTime.parse(date.get(), DateTimeFormatter.RFC_1123_DATE_TIME)
                          .toInstant(),
                      Instant.now())
                  .toSeconds());
      String found = off + " s apart, latency " + Messages.time(millis) + quota;
      if (off > CLOCK_SECONDS) {
        failed(what + " clock", found, "set this machine's clock (timedatectl set-ntp true)");
      } else {
        ok(what + " clock", found);
      }
    } catch (IOException e) {
      if (answered) {
        failed(what + " clock", UserError.reason(e), "check the network and the proxy");
      }
    } catch (DateTimeParseException e) {
      failed(what + " clock", "the server's date cannot be read", "");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted", e);
    }
  }
}
