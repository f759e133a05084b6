package polymarket.backfill.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import polymarket.backfill.Access;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.Quoted;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.SqlFile.Raw;
import polymarket.backfill.clickhouse.Views;

/**
 * Loads files of others, such as a published archive, as sql/load-NAME.sql says: a slice of blocks
 * at a time, so that what was loaded before is not loaded again.
 */
@Command(
    name = "load",
    description = {
      "Load rows from Parquet files, such as a published archive: chain-fills.",
      "ClickHouse reads the files; clickhouse.embedded.files names the folder that it may read. A"
          + " stopped load continues where it stopped."
    })
final class LoadCommand implements Callable<Integer> {

  /** Rows that are decoded in one block, so that a transaction is not cut in two. */
  private static final long SLICE_ROWS = 400_000;

  private static final int SAMPLE_BLOCKS = 100;

  @Mixin private Common common;

  @Parameters(index = "0", paramLabel = "NAME", description = "What to load: chain-fills.")
  private String name;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "FILE", description = "Parquet files.")
  private List<Path> files;

  @Option(
      names = "--sample",
      defaultValue = "3",
      paramLabel = "N",
      description =
          "Compare so many random ranges of blocks with what `run chain` fetches of them"
              + " (default: ${DEFAULT-VALUE}).")
  private int sample;

  private record Slice(long first, long last, long rows, long fills) {}

  /**
   * What became of the rows of a file.
   *
   * @param fills without repeated rows
   * @param loaded by this command
   * @param before by an earlier one, from the same file
   * @param elsewhere known from a source, or from another file
   */
  private record Loaded(
      long rows, long fills, long loaded, long before, long elsewhere, long rejected) {

    static final Loaded NOTHING = new Loaded(0, 0, 0, 0, 0, 0);

    Loaded plus(Loaded other) {
      return new Loaded(
          rows + other.rows,
          fills + other.fills,
          loaded + other.loaded,
          before + other.before,
          elsewhere + other.elsewhere,
          rejected + other.rejected);
    }

    boolean balances() {
      return fills == loaded + before + elsewhere + rejected;
    }
  }

  @Override
  public Integer call() {
    if (sample < 0) {
      throw new UserError("--sample is " + sample + "; it takes a number of at least 0");
    }
    String file = "load-" + name;
    if (!SqlFile.exists(file)) {
      throw new UserError("nothing is loaded as '" + name + "'; there is chain-fills");
    }
    Settings settings = common.settings();
    if (settings.text("clickhouse.url").isEmpty()) {
      files.forEach(this::requireFile);
    }
    SqlFile sql = SqlFile.read(file);
    List<Slice> sampled = new ArrayList<>();
    Map<Slice, Map<String, Object>> sums = new HashMap<>();
    Loaded total = Loaded.NOTHING;
    try (ClickHouse clickHouse = ClickHouse.open(settings)) {
      clickHouse.requireOneShard("load");
      Views.create(clickHouse, file);
      for (Path path : files) {
        total = total.plus(load(clickHouse, sql, path, sampled));
      }
      for (Slice range : sampled) {
        sums.put(range, sum(clickHouse, sql, range));
      }
    }
    if (!total.balances()) {
      System.err.println("backfill: the sums do not balance: see above");
      return ExitCode.NOT_BALANCED.code();
    }
    return compare(settings, sql, sums);
  }

  /** A server has files of its own. */
  private void requireFile(Path path) {
    boolean folder = Files.isDirectory(path);
    if (folder || !Access.exists(path)) {
      throw new UserError(
          path + (folder ? ": is a folder" : ": no such file") + "; load takes Parquet files");
    }
  }

  private Loaded load(ClickHouse clickHouse, SqlFile sql, Path path, List<Slice> sampled) {
    Map<String, Object> values = new HashMap<>();
    values.put("path", path.toAbsolutePath().normalize().toString());
    values.put("batch", "load/" + path.getFileName());
    List<Slice> slices;
    try {
      values.putAll(columns(clickHouse, sql, path, values));
      slices = slices(clickHouse, sql, values);
    } catch (ClickHouseException e) {
      throw new UserError(path + " cannot be loaded: " + e.getMessage(), e);
    }
    if (slices.isEmpty()) {
      throw new UserError(path + " has no rows");
    }
    Loaded total = Loaded.NOTHING;
    long all = slices.stream().mapToLong(Slice::rows).sum();
    for (Slice slice : slices) {
      values.put("first", slice.first());
      values.put("last", slice.last());
      Map<String, Object> held = clickHouse.rows(sql.section("held").sql(values), Map.of()).get(0);
      long before = own(held);
      if (number(held, "held") < slice.fills()) {
        clickHouse.execute(sql.section("load"), values);
        held = clickHouse.rows(sql.section("held").sql(values), Map.of()).get(0);
      }
      total =
          total.plus(
              new Loaded(
                  slice.rows(),
                  slice.fills(),
                  own(held) - before,
                  before,
                  number(held, "elsewhere"),
                  number(held, "rejected")));
      System.out.printf("%s: %,d of %,d rows%n", path.getFileName(), total.rows(), all);
    }
    System.out.printf(
        "%s: %,d rows, %,d fills: %,d loaded, %,d loaded before, %,d known from elsewhere, %,d"
            + " rejected (in default.chain_rejected)%n",
        path.getFileName(),
        total.rows(),
        total.fills(),
        total.loaded(),
        total.before(),
        total.elsewhere(),
        total.rejected());
    Random random = new Random();
    for (int i = 0; i < sample; i++) {
      Slice slice = slices.get(random.nextInt(slices.size()));
      // the first and the last block may be in another file in part
      long low = Math.min(slice.first() + 1, slice.last());
      long high = Math.max(low, slice.last() - 1);
      long first = low + random.nextLong(Math.max(1, high - low - SAMPLE_BLOCKS + 2));
      sampled.add(new Slice(first, Math.min(high, first + SAMPLE_BLOCKS - 1), slice.rows(), 0));
    }
    return total;
  }

  /** The fills that only this file has brought. */
  private static long own(Map<String, Object> held) {
    return number(held, "held") - number(held, "elsewhere") - number(held, "rejected");
  }

  /** The file's columns by what they hold, in the place of the placeholders. */
  private static Map<String, Object> columns(
      ClickHouse clickHouse, SqlFile sql, Path path, Map<String, Object> values) {
    List<String> has =
        clickHouse.rows(sql.section("columns").sql(values), Map.of()).stream()
            .map(row -> String.valueOf(row.get("name")))
            .toList();
    Map<String, Object> found = new HashMap<>();
    for (SqlFile.Section column : sql.sections("column")) {
      String[] head = column.title().split(" ", 2);
      List<String> names = List.of(head[1].split(","));
      String there = names.stream().filter(has::contains).findFirst().orElse(null);
      if (there == null && column.statements().isEmpty()) {
        throw new UserError(
            path
                + " has no column for "
                + head[0]
                + ": looked for "
                + String.join(", ", names)
                + "; it has "
                + has.stream().collect(Collectors.joining(", ")));
      }
      found.put(head[0], new Raw(there == null ? column.statements().get(0) : Quoted.name(there)));
    }
    return found;
  }

  private static List<Slice> slices(
      ClickHouse clickHouse, SqlFile sql, Map<String, Object> values) {
    List<Slice> slices = new ArrayList<>();
    Slice open = null;
    for (Map<String, Object> step : clickHouse.rows(sql.section("slices").sql(values), Map.of())) {
      Slice next =
          new Slice(
              number(step, "first"),
              number(step, "last"),
              number(step, "rows"),
              number(step, "fills"));
      if (open != null && open.rows() + next.rows() <= SLICE_ROWS) {
        open =
            new Slice(
                open.first(), next.last(), open.rows() + next.rows(), open.fills() + next.fills());
      } else {
        if (open != null) {
          slices.add(open);
        }
        open = next;
      }
    }
    if (open != null) {
      slices.add(open);
    }
    return slices;
  }

  private static Map<String, Object> sum(ClickHouse clickHouse, SqlFile sql, Slice range) {
    return clickHouse
        .rows(
            sql.section("sum").sql(Map.of("first", range.first(), "last", range.last())), Map.of())
        .get(0);
  }

  /** Fetches the sampled ranges from a living source, and compares. */
  private int compare(Settings settings, SqlFile sql, Map<Slice, Map<String, Object>> before) {
    boolean differs = false;
    for (Map.Entry<Slice, Map<String, Object>> sampled : before.entrySet()) {
      Slice range = sampled.getKey();
      List<String> run = new ArrayList<>(List.of("run", "chain", "--datasets", "fills"));
      run.addAll(List.of("--from", "" + range.first(), "--to", "" + range.last()));
      common.overrides().forEach((key, value) -> run.addAll(List.of("--set", key + "=" + value)));
      int code = Backfill.execute(run.toArray(String[]::new));
      if (code != 0) {
        System.err.println(
            "backfill: loaded, but the sample could not be fetched; `backfill "
                + String.join(" ", run.subList(0, 8))
                + "` tries again");
        return code;
      }
      try (ClickHouse clickHouse = ClickHouse.open(settings)) {
        Map<String, Object> after = sum(clickHouse, sql, range);
        boolean same = after.equals(sampled.getValue());
        differs |= !same;
        System.out.printf(
            "sample of blocks %d to %d: %s fills in the file, %s in the source%s%n",
            range.first(),
            range.last(),
            sampled.getValue().get("fills"),
            after.get("fills"),
            same ? ", the same" : ": THEY DIFFER");
      }
    }
    return (differs ? ExitCode.CHECK_FAILED : ExitCode.COMPLETE).code();
  }

  private static long number(Map<String, Object> row, String column) {
    return Long.parseLong(String.valueOf(row.get(column)));
  }
}
