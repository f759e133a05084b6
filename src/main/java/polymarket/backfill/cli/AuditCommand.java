package polymarket.backfill.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.audit.Audit;
import polymarket.backfill.audit.LawResult;
import polymarket.backfill.audit.Place;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;

/** Holds the laws of conservation against the stored logs of the chain. */
@Command(
    name = "audit",
    description =
        "Prove that no log of the chain is missing: hold laws that a missing log breaks against the"
            + " stored rows, and name the blocks to fetch again (exit code 3 while a law is"
            + " broken).")
final class AuditCommand implements Callable<Integer> {

  /** How many places of a broken law are printed. */
  private static final int SHOWN = 5;

  @Mixin private Common common;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    Settings settings = common.settings();
    try (ShareLock lock =
            ShareLock.take(
                settings.path("runtime.dir").resolve("audit.lock"), Share.WHOLE, "audit", "audit");
        ClickHouse clickHouse = ClickHouse.open(settings)) {
      Terminal terminal = new Terminal(json);
      Audit.Result result;
      try {
        Audit audit = new Audit(clickHouse, settings, terminal, terminal::status);
        Signals.handle(audit::stop, terminal);
        result = audit.run();
      } finally {
        terminal.ended();
      }
      if (json) {
        System.out.println(Report.json(object(result)));
      } else {
        print(result);
      }
      return (result.interrupted()
              ? ExitCode.INTERRUPTED
              : result.broken() ? ExitCode.CHECK_FAILED : ExitCode.COMPLETE)
          .code();
    }
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

  private static void print(Audit.Result result) {
    for (LawResult law : result.laws()) {
      System.out.printf(
          Locale.ROOT, "%-12s %s%n             %s%n", law.law(), law.says(), outcome(law));
      law.places().stream().limit(SHOWN).forEach(AuditCommand::print);
      if (law.broken() > SHOWN) {
        System.out.println(
            "             and "
                + Messages.count(law.broken() - SHOWN)
                + " more: see default.audit_results");
      }
    }
    if (result.interrupted()) {
      System.out.println("\naudit: interrupted; nothing was kept");
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

  private static String outcome(LawResult law) {
    if (law.state().equals("not checked")) {
      return "not checked: " + law.where();
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
        "             "
            + place.blocks()
            + place.who()
            + (place.token().isEmpty() ? "" : ", token " + place.token())
            + ": "
            + place.wrong());
  }
}
