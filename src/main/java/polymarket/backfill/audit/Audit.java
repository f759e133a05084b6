package polymarket.backfill.audit;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
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

  /** How many differences are looked for at once. */
  private static final int MOST_HALVED = 10;

  private final ClickHouse clickHouse;
  private final Messages messages;
  private final Consumer<String> progress;
  private final Steps steps;
  private final Node node;
  private final boolean opening;
  private final Sample sample;
  private final SqlFile sql = SqlFile.read("audit");
  private final Map<String, Object> values = new HashMap<>();
  private final Map<String, List<Blocks>> fetched = new HashMap<>();
  private final Map<String, Long> firstBlocks = new HashMap<>();

  /** Blocks with how many rows they have, each up to the next one. */
  private final List<long[]> rows = new ArrayList<>();

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
   * @param node says what contracts hold; null for none, so that the law of it is not checked
   * @param opening whether the node also says what wallets had before the blocks that were fetched
   * @param sample of the blocks that is compared with another source's; null for none, so that the
   *     law of it is left out
   * @param progress receives the progress, one short line at a time
   */
  public Audit(
      ClickHouse clickHouse,
      Settings settings,
      Messages messages,
      Node node,
      boolean opening,
      Sample sample,
      Consumer<String> progress) {
    this.clickHouse = clickHouse;
    this.node = node;
    this.opening = opening;
    this.sample = sample;
    this.messages = messages;
    this.progress = progress;
    steps = new Steps("audit", Memory.bytes(settings, Memory.CAP), 1);
    values.putAll(Memory.of(steps.budget()));
    // of a query with one aggregation
    values.put("late_spill", steps.budget() / 4);
  }

  /** Ends after the slice in flight. */
  public void stop() {
    steps.stop();
  }

  /**
   * @throws UserError where nothing was fetched, or ClickHouse refuses
   */
  public Result run() {
    long started = System.nanoTime();
    Views.create(clickHouse, "audit");
    clickHouse.execute("TRUNCATE TABLE default.audit_glances");
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
    keep(results);
    return new Result(
        results,
        false,
        Place.ranges(results.stream().flatMap(law -> law.places().stream()).toList()).stream()
            .map(this::command)
            .toList(),
        (System.nanoTime() - started) / 1_000_000);
  }

  /** Computes what the laws read beside the stored logs, and reads what was fetched. */
  private void begin() {
    steps.run(
        "read what was fetched",
        () -> {
          clickHouse.stream(
              sql.section("fetched").sql(values),
              Map.of(),
              row ->
                  fetched
                      .computeIfAbsent((String) row.get("dataset"), d -> new ArrayList<>())
                      .add(new Blocks(number(row.get("first")), number(row.get("last")))));
          clickHouse
              .rows(sql.section("first-blocks").sql(values), Map.of())
              .forEach(
                  row -> firstBlocks.put((String) row.get("dataset"), number(row.get("block"))));
          clickHouse.stream(
              sql.section("rows").sql(values),
              Map.of(),
              row -> rows.add(new long[] {number(row.get("block")), number(row.get("rows"))}));
        });
    fetched.replaceAll((dataset, ranges) -> Blocks.joined(ranges));
    if (fetched.isEmpty()) {
      throw new UserError(
          "no blocks were fetched yet: run `backfill run chain --from N --to latest` first"
              + " (docs/CHAIN.md says from which block)");
    }
    ChainIndex.make(clickHouse, steps, messages);
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
      case "node" -> byNode(section, law);
      case "source" -> {
        law.partly(sample.size());
        each(law, sample.pieces(), sample::placeholders, section, Sample.Piece::halves);
      }
      case "all" -> each(law, List.of(0), nothing -> Map.of(), section, nothing -> List.of());
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
    List<Blocks> ranges = of(datasets.get(0));
    for (String dataset : datasets) {
      ranges = Blocks.common(ranges, of(dataset));
    }
    String opened = section.attributes().get("opening");
    String why = lacking(datasets);
    if (why != null && opened != null) {
      String others = lacking(datasets.stream().filter(name -> !name.equals(opened)).toList());
      why =
          opening || others != null
              ? others
              : why + "; with --opening, a node says what was there before";
    }
    if (ranges.isEmpty()) {
      return why == null ? "no block was fetched of all of " + whole : why;
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
                .filter(first -> first > firstBlocks.get(opened))
                .map(first -> first - 1)
                .toList();
    values.put("openings", openings);
    if (!openings.isEmpty() && why == null) {
      law.partly("what was there before block " + (openings.get(0) + 1) + " is a node's");
    }
    return begun ? null : why;
  }

  private void byBlocks(SqlFile.Section section, Law law) {
    String[] needs = section.attributes().get("needs").split(",");
    List<Blocks> both = of(needs[0]);
    List<String> lacking = new ArrayList<>();
    for (String dataset : needs) {
      both = Blocks.common(both, of(dataset));
      if (of(dataset).isEmpty()) {
        lacking.add(dataset);
      }
    }
    if (both.isEmpty()) {
      law.notChecked(
          lacking.isEmpty()
              ? "no block was fetched of all of " + String.join(", ", needs)
              : "nothing was fetched of " + String.join(", ", lacking));
      return;
    }
    long blocks = both.stream().mapToLong(Blocks::width).sum();
    long most = fetched.values().stream().mapToLong(Audit::width).max().orElse(0);
    if (blocks < most) {
      law.partly(
          Messages.count(blocks)
              + " of "
              + Messages.count(most)
              + " blocks were fetched of all of "
              + String.join(", ", needs));
    }
    boolean known = origin(section, law);
    each(
        law,
        slices(both),
        slice ->
            Map.of("from_block", slice.first(), "to_block", slice.last(), "origin_known", known),
        section,
        Blocks::halves);
  }

  /**
   * Whether everything is known of what a law's cases begin with ({@code origin}), such as the
   * creation of a pool. Where not, the law leaves out what began in other blocks.
   */
  private boolean origin(SqlFile.Section section, Law law) {
    String dataset = section.attributes().get("origin");
    String why = dataset == null ? null : lacking(List.of(dataset));
    if (why != null) {
      law.partly(law.name + " that were made before are left out: " + why);
    }
    return why == null;
  }

  /**
   * Why a law does not apply that needs all of some datasets from their contracts' first block on;
   * null where it does.
   */
  private String lacking(List<String> datasets) {
    for (String dataset : datasets) {
      List<Blocks> ranges = of(dataset);
      long first = firstBlocks.get(dataset);
      if (ranges.isEmpty()) {
        return "nothing was fetched of " + dataset;
      }
      if (ranges.get(0).first() > first) {
        return "what was there before is not known: "
            + dataset
            + " were fetched from block "
            + ranges.get(0).first()
            + " on, and the contracts begin at "
            + first;
      }
      if (ranges.size() > 1) {
        return dataset
            + " lack the blocks "
            + (ranges.get(0).last() + 1)
            + " to "
            + (ranges.get(1).first() - 1)
            + (ranges.size() > 2 ? " and " + (ranges.size() - 2) + " ranges more" : "");
      }
    }
    return null;
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
        HashRange.of(
            clickHouse.number(sql.section("token-rows").sql(values)),
            ON_DISK * steps.budget() / 2 / BYTES_A_CHANGE),
        range ->
            Map.of("in_range", range.between(), "from_hash", range.from(), "to_hash", range.to()),
        section,
        range -> range.ids() < FEWEST ? List.of() : range.halves());
  }

  /**
   * Asks what is held after the last block; where that breaks the law, halves the blocks between
   * those that were asked for, until each difference has a block of its own or the node has no
   * state so old.
   */
  private void byNode(SqlFile.Section section, Law law) {
    if (node == null) {
      law.notChecked("no node was asked what the contracts hold: add --node");
      return;
    }
    clickHouse.execute("TRUNCATE TABLE default.audit_held");
    Set<Long> ends = new TreeSet<>();
    for (String name : List.of("openings", "lasts")) {
      ((List<?>) values.get(name)).forEach(block -> ends.add(number(block)));
    }
    try {
      ends.forEach(this::ask);
    } catch (UserError e) {
      law.notChecked(e.getMessage());
      return;
    }
    if (clickHouse.number(sql.section("unheld").sql(values)) > 0) {
      law.partly("what the modules of V3 hold is not checked");
    }
    Map<String, Object> row = clickHouse.rows(section.sql(values), Map.of()).get(0);
    try {
      for (List<Long> middles = middles(row); !middles.isEmpty() && !steps.isStopped(); ) {
        middles.forEach(this::ask);
        row = clickHouse.rows(section.sql(values), Map.of()).get(0);
        middles = middles(row);
      }
    } catch (UserError e) {
      law.partly("the blocks are no narrower because " + e.getMessage());
    }
    law.add(row);
  }

  private void ask(long block) {
    progress.accept("audit: what the contracts held at block " + block);
    clickHouse
        .rows(sql.section("held").sql(values), Map.of())
        .forEach(
            held -> {
              String collateral = (String) held.get("collateral");
              clickHouse.execute(
                  SqlFile.fill(
                      "INSERT INTO default.audit_held SELECT unhex({collateral}), {block},"
                          + " toUInt256({amount})",
                      Map.of(
                          "collateral", collateral.substring(2),
                          "block", block,
                          "amount",
                              node.balance(collateral, (String) held.get("holder"), block)
                                  .toString())));
            });
  }

  /** The blocks in the middle of the first places that are wider than one. */
  private static List<Long> middles(Map<String, Object> row) {
    return Law.list(row.get("places")).stream()
        .map(place -> blocks(Law.list(place)))
        .filter(range -> range.width() > 1)
        .limit(MOST_HALVED)
        .map(range -> range.halves().get(0).last())
        .distinct()
        .toList();
  }

  private static Blocks blocks(List<?> place) {
    return new Blocks(number(place.get(0)), number(place.get(1)));
  }

  private <P> void each(
      Law law,
      List<P> slices,
      java.util.function.Function<P, Map<String, Object>> placeholders,
      SqlFile.Section section,
      java.util.function.Function<P, List<P>> divide) {
    int[] done = {0};
    steps.each(
        law.name,
        slices,
        slice -> {
          Map<String, Object> own = new HashMap<>(values);
          own.putAll(placeholders.apply(slice));
          hold(section, law, own);
          progress.accept(
              "audit: "
                  + law.name
                  + ", "
                  + ++done[0]
                  + " of "
                  + Math.max(done[0], slices.size())
                  + " slices");
        },
        divide);
  }

  /**
   * Holds a law against a slice; where a first pass finds nothing doubtful in it, by that alone.
   */
  private void hold(SqlFile.Section section, Law law, Map<String, Object> slice) {
    String glance = section.attributes().get("glance");
    if (glance == null) {
      law.add(clickHouse.rows(section.sql(slice), Map.of()).get(0));
      return;
    }
    Map<String, Object> seen = new HashMap<>(slice);
    seen.put("glance", glance);
    seen.put("law", law.name);
    seen.put("first", slice.get(glance(section, "from")));
    seen.put("last", slice.get(glance(section, "to")));
    if (clickHouse.rows(sql.section("glanced").sql(seen), Map.of()).isEmpty()) {
      clickHouse.execute(sql.section("glance-" + glance).sql(slice));
    }
    Map<String, Object> found = clickHouse.rows(sql.section("glanced").sql(seen), Map.of()).get(0);
    law.add(
        number(found.get("checked")),
        number(found.get("doubtful")) == 0
            ? Map.of()
            : clickHouse.rows(section.sql(slice), Map.of()).get(0));
  }

  private static String glance(SqlFile.Section section, String border) {
    return border + (section.attributes().get("by").equals("tokens") ? "_hash" : "_block");
  }

  /** The ranges in parts, each of about as many rows as fit into memory. */
  private List<Blocks> slices(List<Blocks> ranges) {
    long most = Math.max(FEWEST, steps.budget() / 2 / BYTES_A_ROW);
    List<Blocks> slices = new ArrayList<>();
    int at = 0;
    for (Blocks range : ranges) {
      long first = range.first();
      long held = 0;
      for (; at < rows.size() && rows.get(at)[0] <= range.last(); at++) {
        if (held > 0 && held + rows.get(at)[1] > most && rows.get(at)[0] > first) {
          slices.add(new Blocks(first, rows.get(at)[0] - 1));
          first = rows.get(at)[0];
          held = 0;
        }
        held += rows.get(at)[1];
      }
      // blocks are counted by the thousand: the last ones may be the next range's too
      at = Math.max(0, at - 1);
      slices.add(new Blocks(first, range.last()));
    }
    return slices;
  }

  private List<Blocks> of(String dataset) {
    return fetched.getOrDefault(dataset, List.of());
  }

  private static long width(List<Blocks> ranges) {
    return ranges.stream().mapToLong(Blocks::width).sum();
  }

  private String command(Blocks range) {
    return (String)
        clickHouse.value(
            sql.section("refetch")
                .sql(Map.of("first_block", range.first(), "last_block", range.last())));
  }

  private void keep(List<LawResult> results) {
    String time = String.valueOf(System.currentTimeMillis());
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
