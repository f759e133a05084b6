package polymarket.backfill.audit;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.HashRange;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.ledger.Member;

/**
 * Holds the laws of sql/audit.sql against the stored logs, in slices that stay under {@value
 * Memory#CAP}, and keeps the results in {@code default.audit_results}. It changes no other table
 * that it did not make.
 */
public final class Audit {

  /** Generous: a row with what a law makes of it. */
  private static final long BYTES_A_ROW = 2048;

  /** The same for laws by tokens: each step of a wallet, and the room that its list grows into. */
  private static final long BYTES_A_CHANGE = 96;

  /**
   * A slice of a law by tokens is so many times what fits into memory; the rest is on disk while it
   * is added up. Measured: that costs half of what it costs to read all transfers for each of five
   * slices that fit.
   */
  private static final long ON_DISK = 8;

  private static final long FEWEST = 1000;

  /** What is a slice's at most, for tests that need many slices of few rows. */
  private static final long MOST = Long.getLong("backfill.audit-slice-rows", Long.MAX_VALUE);

  private final ClickHouse clickHouse;
  private final Messages messages;
  private final Consumer<String> progress;
  private final Steps steps;
  private final Node node;
  private final boolean opening;
  private final Sample sample;
  private final SqlFile sql = SqlFile.read("audit");
  private final Map<String, Object> values = new HashMap<>();
  private final LawCheck lawCheck;
  private Fetched fetched;

  /** Null where this process works alone. */
  private final Sharing sharing;

  private SharedAudit shared;

  /**
   * All laws' results.
   *
   * @param interrupted whether a stop was asked for before all were checked
   * @param commands what fetches the blocks again in which logs are missing; none where no law is
   *     broken
   */
  public record Result(
      List<LawResult> laws, boolean interrupted, List<String> commands, long millis) {

    /** Whether a law is broken. */
    public boolean broken() {
      return laws.stream().anyMatch(law -> law.broken() > 0);
    }
  }

  /**
   * How members share the slices.
   *
   * @param options what the command was started with, as far as the result depends on it
   */
  public record Sharing(Member member, String options) {}

  /** An audit by this process alone; the same as the other constructor with null at the end. */
  public Audit(
      ClickHouse clickHouse,
      Settings settings,
      Messages messages,
      Node node,
      boolean opening,
      Sample sample,
      Consumer<String> progress) {
    this(clickHouse, settings, messages, node, opening, sample, progress, null);
  }

  /**
   * @param node says what contracts hold; null for none, so that the law of it is not checked
   * @param opening whether the node also says what wallets had before the blocks that were fetched
   * @param sample of the blocks that is compared with another source's; null for none, so that the
   *     law of it is left out
   * @param progress receives the progress, one short line at a time
   * @param sharing of the slices with other members, of whom this one leads; null for this process
   *     alone
   */
  public Audit(
      ClickHouse clickHouse,
      Settings settings,
      Messages messages,
      Node node,
      boolean opening,
      Sample sample,
      Consumer<String> progress,
      Sharing sharing) {
    this.sharing = sharing;
    this.clickHouse = clickHouse;
    this.node = node;
    this.opening = opening;
    this.sample = sample;
    this.messages = messages;
    this.progress = progress;
    steps = new Steps("audit", sharing != null, Memory.bytes(settings, Memory.CAP), 1);
    values.putAll(SharedSlices.memory(steps));
    lawCheck = new LawCheck(clickHouse, sql);
  }

  /** Ends after the slice in flight. */
  public void stop() {
    steps.stop();
    if (sharing != null) {
      sharing.member().waitNoLonger();
    }
  }

  /**
   * @throws UserError where nothing was fetched, or ClickHouse refuses
   */
  public Result run() {
    long started = System.nanoTime();
    Views.create(clickHouse, "audit");
    if (sharing == null) {
      values.put("audit", UUID.randomUUID().toString());
      return run(started);
    }
    try (SharedAudit led =
        SharedAudit.lead(sharing, clickHouse, sql, lawCheck, steps, messages, progress)) {
      shared = led;
      values.put("audit", led.id());
      Result result = run(started);
      if (!result.interrupted()) {
        led.ended(result);
      }
      return result;
    }
  }

  private Result run(long started) {
    begin();
    if (sample != null) {
      sample.fetch(clickHouse, steps, progress);
    }
    List<LawResult> results = new ArrayList<>();
    for (SqlFile.Section law : sql.sections("law")) {
      if (sample == null && law.attributes().get("by").equals("source")) {
        continue;
      }
      LawResult result = check(law);
      if (steps.isStopped()) {
        return new Result(results, true, List.of(), (System.nanoTime() - started) / 1_000_000);
      }
      results.add(result);
    }
    requireLead();
    keep(results);
    return new Result(
        results,
        false,
        Place.ranges(results.stream().flatMap(law -> law.places().stream()).toList()).stream()
            .map(this::command)
            .toList(),
        (System.nanoTime() - started) / 1_000_000);
  }

  /** Reads what was fetched, and computes what the laws read beside the stored logs. */
  private void begin() {
    steps.run("read what was fetched", () -> fetched = Fetched.read(clickHouse, sql, values));
    // members may be reading what was computed before
    if (shared == null || !shared.goesOn()) {
      requireLead();
      clickHouse.execute("TRUNCATE TABLE default.audit_glances");
      ChainIndex.make(clickHouse, steps, messages, this::requireLead);
    }
  }

  private void requireLead() {
    if (shared != null) {
      shared.requireLead();
    }
  }

  private LawResult check(SqlFile.Section section) {
    String[] parts = section.title().split(" ", 2);
    Law law = new Law(parts[0], parts[1], section.attributes().get("case").replace('-', ' '));
    long started = System.nanoTime();
    String why = history(section, law);
    if (why == null) {
      check(section, law);
    } else {
      law.notChecked(why);
    }
    return law.result((System.nanoTime() - started) / 1_000_000);
  }

  private void check(SqlFile.Section section, Law law) {
    String by = section.attributes().get("by");
    switch (by) {
      case "blocks" -> byBlocks(section, law);
      case "tokens" -> byTokens(section, law);
      case "node" -> {
        requireLead();
        new HeldCollateral(clickHouse, node, steps, progress).check(section, law, values);
      }
      case "source" -> {
        law.partly(sample.size());
        values.putAll(sample.placeholders());
        each(law, section, sample.slices());
      }
      case "all" -> each(law, section, List.of(LawSlice.ALL));
      default -> throw new UserError("sql/audit.sql:" + section.line() + ": unknown by=" + by);
    }
  }

  /**
   * Sets, for a law that needs datasets from their contracts' first block on, the ranges that were
   * fetched of all of them, and what stands for the history before these.
   *
   * @return why the law does not apply; null where it does
   */
  private String history(SqlFile.Section section, Law law) {
    String whole = section.attributes().get("whole");
    if (whole == null) {
      return null;
    }
    List<String> datasets = List.of(whole.split(","));
    List<Blocks> ranges = fetched.ofAll(datasets);
    String opened = section.attributes().get("opening");
    String why = fetched.lacking(datasets);
    if (why != null && opened != null) {
      String others =
          fetched.lacking(datasets.stream().filter(name -> !name.equals(opened)).toList());
      if (opening || others != null) {
        why = others;
      } else if (!ranges.isEmpty()) {
        why += "; with --opening, a node says what was there before";
      }
    }
    if (ranges.isEmpty()) {
      return why == null ? "no block was fetched of dataset " + whole.replace(",", " and ") : why;
    }
    boolean begun = why != null && section.attributes().containsKey("born");
    Blocks last = ranges.get(ranges.size() - 1);
    if (begun) {
      law.partly(
          "of "
              + section.attributes().get("born")
              + " that were prepared from block "
              + last.first()
              + " on");
    }
    values.put("from_block", begun ? last.first() : 0);
    values.put("firsts", ranges.stream().map(Blocks::first).toList());
    values.put("lasts", ranges.stream().map(Blocks::last).toList());
    values.put(
        "borders",
        Stream.concat(
                Stream.of(0L),
                ranges.stream().flatMap(range -> Stream.of(range.first(), range.last() + 1)))
            .distinct()
            .toList());
    List<Long> openings =
        opened == null
            ? List.of()
            : ranges.stream()
                .map(Blocks::first)
                .filter(first -> first > fetched.firstBlock(opened))
                .map(first -> first - 1)
                .toList();
    values.put("openings", openings);
    if (!openings.isEmpty() && why == null) {
      law.partly("what was there before block " + (openings.get(0) + 1) + " is a node's");
    }
    return begun ? null : why;
  }

  private void byBlocks(SqlFile.Section section, Law law) {
    List<String> needs = List.of(section.attributes().get("needs").split(","));
    List<Blocks> both = fetched.ofAll(needs);
    List<String> lacking = needs.stream().filter(each -> fetched.of(each).isEmpty()).toList();
    if (both.isEmpty()) {
      law.notChecked(
          lacking.isEmpty()
              ? "no block was fetched of all of " + String.join(", ", needs)
              : "nothing was fetched of " + String.join(", ", lacking));
      return;
    }
    long blocks = Fetched.width(both);
    long most = fetched.blocks();
    if (blocks < most) {
      law.partly(
          Messages.count(blocks)
              + " of "
              + Messages.count(most)
              + " blocks were fetched of all of "
              + String.join(", ", needs));
    }
    values.put("origin_known", origin(section, law));
    each(
        law,
        section,
        fetched
            .cut(both, Math.min(MOST, Math.max(FEWEST, steps.budget() / 2 / BYTES_A_ROW)))
            .stream()
            .map(LawSlice::of)
            .toList());
  }

  /**
   * Whether everything is known of what a law's cases begin with ({@code origin}), such as the
   * creation of a pool. Where not, the law leaves out what began in other blocks.
   */
  private boolean origin(SqlFile.Section section, Law law) {
    String dataset = section.attributes().get("origin");
    String why = dataset == null ? null : fetched.lacking(List.of(dataset));
    if (why != null) {
      law.partly(law.name + " that were made before are left out: " + why);
    }
    return why == null;
  }

  private void byTokens(SqlFile.Section section, Law law) {
    if (section.attributes().containsKey("opening")
        && !((List<?>) values.get("openings")).isEmpty()) {
      try {
        new Openings(clickHouse, node, steps, progress).ask(values);
      } catch (UserError e) {
        law.notChecked(e.getMessage());
        return;
      }
    }
    each(
        law,
        section,
        HashRange.of(
                clickHouse.number(sql.section("token-rows").sql(values)),
                ON_DISK * Math.min(MOST, steps.budget() / 2 / BYTES_A_CHANGE))
            .stream()
            .map(LawSlice::of)
            .toList());
  }

  private void each(Law law, SqlFile.Section section, List<LawSlice> slices) {
    String by = section.attributes().get("by");
    // what a second source has was fetched for this process
    if (shared != null && !by.equals("source")) {
      shared.each(law, section, values, slices);
      return;
    }
    int[] done = {0};
    steps.each(
        law.name,
        slices,
        slice -> {
          law.add(slice, lawCheck.check(section, values, slice));
          progress.accept(
              "audit: "
                  + law.name
                  + ", "
                  + ++done[0]
                  + " of "
                  + Math.max(done[0], slices.size())
                  + " slices");
        },
        slice -> slice.halves(by));
  }

  private String command(Blocks range) {
    return (String)
        clickHouse.value(
            sql.section("refetch")
                .sql(Map.of("first_block", range.first(), "last_block", range.last())));
  }

  private void keep(List<LawResult> results) {
    String time =
        String.valueOf(sharing == null ? System.currentTimeMillis() : sharing.member().now());
    for (LawResult law : results) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("time", time);
      row.put("law", law.law());
      row.put("says", law.says());
      row.put("state", law.state());
      row.put("checked", law.checked());
      row.put("broken", law.broken());
      row.put("first_block", law.blocks() == null ? 0 : law.blocks().first());
      row.put("last_block", law.blocks() == null ? 0 : law.blocks().last());
      row.put("place", law.where());
      row.put(
          "places",
          new SqlFile.Raw(
              law.places().stream()
                  .map(
                      place ->
                          SqlFile.fill(
                              "({first}, {last}, {transaction}, {wallet}, {token}, {wrong})",
                              Map.of(
                                  "first", place.firstBlock(),
                                  "last", place.lastBlock(),
                                  "transaction", place.transaction(),
                                  "wallet", place.wallet(),
                                  "token", place.token(),
                                  "wrong", place.wrong())))
                  .collect(java.util.stream.Collectors.joining(", "))));
      row.put("seconds", law.millis() / 1000.0);
      clickHouse.execute(sql.section("keep"), row);
    }
  }

  static long number(Object value) {
    return new BigInteger(String.valueOf(value)).longValueExact();
  }
}
