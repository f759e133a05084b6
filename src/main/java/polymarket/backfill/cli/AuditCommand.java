package polymarket.backfill.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.audit.Audit;
import polymarket.backfill.audit.AuditHelp;
import polymarket.backfill.audit.Blocks;
import polymarket.backfill.audit.LawResult;
import polymarket.backfill.audit.Node;
import polymarket.backfill.audit.Place;
import polymarket.backfill.audit.Sample;
import polymarket.backfill.audit.WalletComparison;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.run.AskedRoutes;
import polymarket.backfill.run.NodeCalls;
import polymarket.backfill.run.RangeCopy;
import polymarket.backfill.verify.Checks;
import polymarket.backfill.verify.HtmlReport;

/** Holds the laws of conservation against the stored logs of the chain. */
@Command(
    name = "audit",
    subcommands = AuditWalletsCommand.class,
    description =
        "Prove that no log of the chain is missing: hold laws that a missing log breaks against the"
            + " stored rows, and name the blocks to fetch again (exit code 3 while a law is"
            + " broken). With a shared ledger (cluster.url), the same command on other machines, or"
            + " `backfill join`, helps.")
final class AuditCommand implements Callable<Integer> {

  /** What a member that audits is called. */
  static final String NAME = "audit";

  private static final String DEFAULT_SAMPLE = "1%";

  /** How many places of a broken law are printed. */
  private static final int SHOWN = 5;

  @Mixin private Common common;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  /** What stands before a line about a law, below its name. */
  private static final String PLACE = " ".repeat(14);

  /** Commands that {@code --brief} prints at most. */
  private static final int COMMANDS_SHOWN = 3;

  @Option(names = "--brief", description = "Print three lines instead of each law.")
  private boolean brief;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Also write the laws as one HTML file with charts.")
  private Path report;

  @Option(
      names = "--node",
      description =
          "Ask the node of polygon.rpc.url what the conditional tokens contract holds of each"
              + " collateral, for the law that needs it. To find a difference's block the node"
              + " needs old states (an archive node).")
  private boolean node;

  @Option(
      names = "--opening",
      description =
          "As --node, and also ask it for the balances of wallets before the first block that was"
              + " fetched and after each gap, so that the laws which need them apply. They are kept"
              + " and asked for once.")
  private boolean opening;

  /** The sources of the chain's logs, as the job's definition calls them. */
  private enum Source {
    sqd("sqd"),
    polygon("rpc"),
    hypersync("hypersync");

    /** The source as default.chain_ranges calls it. */
    private final String stored;

    Source(String stored) {
      this.stored = stored;
    }
  }

  /** Takes a source by either name. */
  private static final class SourceName implements ITypeConverter<Source> {

    @Override
    public Source convert(String name) {
      return Stream.of(Source.values())
          .filter(source -> source.name().equals(name) || source.stored.equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new TypeConversionException(
                      "'"
                          + name
                          + "' is none of "
                          + Stream.of(Source.values())
                              .map(Source::name)
                              .collect(Collectors.joining(", "))));
    }
  }

  @Option(
      names = "--second-source",
      paramLabel = "SOURCE",
      converter = SourceName.class,
      description =
          "Also fetch a random sample of the blocks from another source than theirs, and compare"
              + " the stored logs with it: ${COMPLETION-CANDIDATES}.")
  private Source second;

  @Option(
      names = "--sample",
      paramLabel = "SHARE",
      description =
          "How many of the blocks that came from other sources are compared with --second-source"
              + " (default: 1%%).")
  private String sample;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "Choose the same sample as the audit that printed this seed (default: another one each"
              + " time).")
  private Long seed;

  @Override
  public Integer call() {
    HtmlReport.check(report);
    if (second == null && (sample != null || seed != null)) {
      throw new UserError("--sample and --seed choose blocks for --second-source: add it");
    }
    double share = share();
    Settings settings = common.settings();
    try (ShareLock lock =
            ShareLock.take(
                settings.path("runtime.dir").resolve("audit.lock"), Share.WHOLE, "audit", "audit");
        ClickHouse clickHouse = ClickHouse.open(settings)) {
      clickHouse.requireOneShard("audit");
      Terminal terminal = new Terminal(json);
      Audit.Result result =
          new PassRuns(settings, terminal)
              .run(NAME, member -> audit(settings, clickHouse, terminal, member, share));
      if (result == null) {
        return PassRuns.gaveUp().code();
      }
      if (!result.interrupted()) {
        LastChecks.keepAudit(settings, object(result));
      }
      if (json) {
        System.out.println(Report.json(object(result)));
      } else if (brief && !result.interrupted()) {
        brief(result).forEach(System.out::println);
      } else {
        print(result, SharedLedgers.of(settings) != null);
      }
      if (report != null && !result.interrupted()) {
        page(clickHouse, settings, result);
      }
      return (result.interrupted()
              ? ExitCode.INTERRUPTED
              : result.broken() ? ExitCode.CHECK_FAILED : ExitCode.COMPLETE)
          .code();
    }
  }

  /**
   * Audits; where members share ledgers, helps one that leads an audit already.
   *
   * @param member null where none share them
   */
  private Audit.Result audit(
      Settings settings, ClickHouse clickHouse, Terminal terminal, Member member, double share) {
    if (member != null) {
      AuditHelp help =
          new AuditHelp(clickHouse, settings, terminal, member, options(), terminal::status);
      Signals.handle(help::stop, terminal);
      Audit.Result helped = help.help();
      if (helped != null) {
        return helped;
      }
    }
    try (AskedRoutes routes = routes(settings, clickHouse, terminal);
        RangeCopy copy = second == null ? null : new RangeCopy(routes, clickHouse)) {
      Audit audit =
          new Audit(
              clickHouse,
              settings,
              terminal,
              node || opening ? new Node(new NodeCalls(routes)) : null,
              opening,
              copy == null ? null : sample(copy, share),
              terminal::status,
              member == null ? null : new Audit.Sharing(member, options()));
      Signals.handle(
          () -> {
            audit.stop();
            if (routes != null) {
              routes.stop();
            }
          },
          terminal);
      return audit.run();
    }
  }

  /** What the result depends on: members that work together have the same. */
  private String options() {
    List<String> options = new ArrayList<>();
    if (opening) {
      options.add("--opening");
    } else if (node) {
      options.add("--node");
    }
    if (second != null) {
      options.add("--second-source " + second);
      options.add("--sample " + (sample == null ? DEFAULT_SAMPLE : sample.strip()));
    }
    if (seed != null) {
      options.add("--seed " + seed);
    }
    return String.join(" ", options);
  }

  /** The share of the blocks that are compared, above 0 and up to 1. */
  private double share() {
    String text = sample == null ? DEFAULT_SAMPLE : sample.strip();
    double percent =
        text.matches("\\d{1,3}(\\.\\d{1,9})?%")
            ? Double.parseDouble(text.substring(0, text.length() - 1))
            : 0;
    if (percent <= 0 || percent > 100) {
      throw new UserError("--sample is " + sample + "; it takes a share up to 100%, such as 1%");
    }
    return percent / 100;
  }

  /** What asks the second source and the node; null where neither is asked. */
  private AskedRoutes routes(Settings settings, ClickHouse clickHouse, Messages messages) {
    if (second == null && !node && !opening) {
      return null;
    }
    String first = (second == null ? Source.polygon : second).name();
    List<String> others = node || opening ? List.of(Source.polygon.name()) : List.of();
    if (!others.isEmpty()) {
      settings.url("polygon.rpc.url");
    }
    return new AskedRoutes(
        settings.with("chain.sources", first),
        Job.read(Common.home(), "chain"),
        others,
        clickHouse,
        messages);
  }

  private Sample sample(RangeCopy copy, double share) {
    return new Sample(
        second.stored,
        share,
        seed == null ? ThreadLocalRandom.current().nextInt(1_000_000) : seed,
        new Sample.Copy() {
          @Override
          public long reach() {
            return copy.reach();
          }

          @Override
          public void fetch(Blocks blocks, List<String> datasets) {
            copy.fetch(blocks.first(), blocks.last(), datasets);
          }

          @Override
          public String database() {
            return copy.database();
          }
        });
  }

  private void page(ClickHouse clickHouse, Settings settings, Audit.Result result) {
    List<HtmlReport.Part> parts = new ArrayList<>();
    brief(result).forEach(line -> parts.add(new HtmlReport.Line(line)));
    parts.add(new HtmlReport.Rows(result.laws().stream().map(AuditCommand::row).toList()));
    List<Map<String, Object>> places =
        result.laws().stream()
            .flatMap(law -> law.places().stream().map(place -> row(law, place)))
            .toList();
    if (!places.isEmpty()) {
      parts.add(new HtmlReport.Heading("Where laws are broken"));
      parts.add(new HtmlReport.Rows(places));
    }
    differences(clickHouse, settings, parts);
    Checks checks = new Checks("audit", SqlFile.read("audit"), List.of());
    parts.add(
        new HtmlReport.Checked(
            checks.run(
                clickHouse,
                settings,
                Job.names(Common.home()),
                Memory.of(settings),
                (title, table) -> {})));
    HtmlReport.write(report, "Audit of the chain's logs", parts);
    if (!json) {
      System.out.println("The report is in " + report);
    }
  }

  /** How computed positions differ from the Data API's, by kind, where both are stored. */
  private static void differences(
      ClickHouse clickHouse, Settings settings, List<HtmlReport.Part> parts) {
    parts.add(new HtmlReport.Heading("Differences to the Data API's positions, by kind"));
    if (!WalletComparison.possible(clickHouse)) {
      parts.add(
          new HtmlReport.Line(
              "not compared: run `backfill positions` and `backfill run wallets` first"));
      return;
    }
    Views.refresh(clickHouse, settings, Job.names(Common.home()));
    List<Map<String, Object>> rows =
        WalletComparison.rows(clickHouse, settings, WalletComparison.SAMPLE);
    List<Map<String, Object>> bars = new ArrayList<>();
    for (Map<String, Object> row : rows) {
      if (row.get("kind").equals(WalletComparison.EQUAL)) {
        continue;
      }
      Map<String, Object> bar = new LinkedHashMap<>();
      bar.put("kind", row.get("what") + ": " + row.get("kind"));
      bar.put("positions", row.get("positions"));
      bars.add(bar);
    }
    if (!bars.isEmpty()) {
      parts.add(new HtmlReport.Bars(bars));
    }
    if (!rows.isEmpty()) {
      parts.add(new HtmlReport.Rows(rows));
    }
  }

  private static Map<String, Object> row(LawResult law) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("law", law.law());
    row.put("state", law.state());
    row.put("checked", law.checked());
    row.put("broken", law.broken());
    row.put("where", law.where());
    row.put("says", law.says());
    row.put("seconds", law.millis() / 1000.0);
    return row;
  }

  private static Map<String, Object> row(LawResult law, Place place) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("law", law.law());
    row.put("blocks", place.blocks().toString());
    row.put("transaction", place.transaction());
    row.put("wallet", place.wallet());
    row.put("wrong", place.wrong());
    return row;
  }

  private static Map<String, Object> object(Audit.Result result) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put(
        "state", result.interrupted() ? "interrupted" : result.broken() ? "broken" : "holds");
    object.put("laws", result.laws().stream().map(AuditCommand::object).toList());
    object.put("commands", result.commands());
    object.put("seconds", result.millis() / 1000.0);
    return object;
  }

  private static Map<String, Object> object(LawResult law) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("law", law.law());
    object.put("says", law.says());
    object.put("state", law.state());
    object.put("checked", law.checked());
    object.put("broken", law.broken());
    object.put("first_block", law.blocks() == null ? null : law.blocks().first());
    object.put("last_block", law.blocks() == null ? null : law.blocks().last());
    object.put("where", law.where());
    object.put("places", law.places());
    object.put("seconds", law.millis() / 1000.0);
    return object;
  }

  private static void print(Audit.Result result, boolean shared) {
    for (LawResult law : result.laws()) {
      System.out.printf(
          Locale.ROOT, "%-12s  %s%n" + PLACE + "%s%n", law.law(), law.says(), outcome(law));
      law.places().stream().limit(SHOWN).forEach(AuditCommand::print);
      if (law.broken() > SHOWN) {
        System.out.println(
            PLACE
                + "and "
                + Messages.count(law.broken() - SHOWN)
                + " more: see default.audit_results");
      }
    }
    if (result.interrupted()) {
      System.out.println(
          "\naudit: interrupted; "
              + (shared
                  ? "`backfill audit` on any machine goes on, unless more was fetched meanwhile"
                  : "nothing was kept"));
      return;
    }
    long broken = result.laws().stream().filter(law -> law.broken() > 0).count();
    System.out.println(
        "\naudit: "
            + (broken == 0
                ? "no law is broken"
                : broken + " of " + result.laws().size() + " laws are broken")
            + ", after "
            + Messages.time(result.millis()));
    List<String> commands = result.commands();
    if (!commands.isEmpty()) {
      System.out.println("Fetch again what is missing, then audit again:");
      commands.forEach(command -> System.out.println("  " + command));
    }
  }

  /** What holds, what is broken, and what was not checked or is to be done, each in a line. */
  private static List<String> brief(Audit.Result result) {
    List<LawResult> broken = with(result, LawResult.BROKEN);
    List<LawResult> skipped = new ArrayList<>(with(result, LawResult.NOT_CHECKED));
    skipped.addAll(with(result, LawResult.NOTHING));
    return List.of(
        "audit: "
            + Messages.count(with(result, LawResult.HOLDS).size(), "law")
            + " hold"
            + (with(result, LawResult.HOLDS).size() == 1 ? "s" : "")
            + " in "
            + Messages.count(result.laws().stream().mapToLong(LawResult::checked).sum(), "case")
            + ", after "
            + Messages.time(result.millis()),
        broken.isEmpty() ? "audit: no law is broken" : "audit: BROKEN: " + first(broken),
        !result.commands().isEmpty()
            ? "audit: fetch again with " + commands(result.commands())
            : skipped.isEmpty()
                ? "audit: every law was checked"
                : "audit: " + skipped.get(0).state() + ": " + first(skipped));
  }

  /** The first commands, and how many more there are. */
  private static String commands(List<String> all) {
    int shown = Math.min(all.size(), COMMANDS_SHOWN);
    return all.stream().limit(shown).map(each -> "`" + each + "`").collect(Collectors.joining(", "))
        + (all.size() > shown
            ? ", and " + (all.size() - shown) + " more, which `backfill audit` prints"
            : "");
  }

  private static List<LawResult> with(Audit.Result result, String state) {
    return result.laws().stream().filter(law -> law.state().equals(state)).toList();
  }

  /**
   * The first of some laws with where it is broken or why it was not checked, and how many more.
   */
  private static String first(List<LawResult> laws) {
    return laws.get(0).law()
        + ", "
        + laws.get(0).where()
        + (laws.size() > 1 ? "; and " + Messages.count(laws.size() - 1, "law") + " more" : "");
  }

  private static String outcome(LawResult law) {
    if (law.state().equals(LawResult.NOT_CHECKED) || law.state().equals(LawResult.NOTHING)) {
      return law.state() + ": " + law.where();
    }
    return Messages.count(law.checked())
        + " checked, "
        + (law.broken() > 0 ? Messages.count(law.broken()) + " BROKEN" : law.state())
        + ", in "
        + Messages.time(law.millis())
        + (law.broken() > 0 || law.where().isEmpty() ? "" : "; " + law.where());
  }

  private static void print(Place place) {
    System.out.println(
        PLACE
            + place.blocks()
            + place.who()
            + (place.token().isEmpty() ? "" : ", token " + place.token())
            + ": "
            + place.wrong());
  }
}
