package polymarket.backfill.audit;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.SharedLedgers;
import polymarket.backfill.slices.PassHelp;

/** A member's help with an audit that another member leads. */
public final class AuditHelp {

  private final ClickHouse clickHouse;
  private final Messages messages;
  private final Consumer<String> progress;
  private final Member member;
  private final String options;
  private final SqlFile sql = SqlFile.read("audit");
  private final Steps steps;

  /**
   * @param options what this member would lead an audit with; null for one that leads none
   * @param progress receives the progress, one short line at a time
   */
  public AuditHelp(
      ClickHouse clickHouse,
      Settings settings,
      Messages messages,
      Member member,
      String options,
      Consumer<String> progress) {
    this.clickHouse = clickHouse;
    this.messages = messages;
    this.progress = progress;
    this.member = member;
    this.options = options;
    steps = new Steps(SharedStage.PASS, true, Memory.bytes(settings, Memory.CAP), 1);
  }

  /** Ends after the slice in flight. */
  public void stop() {
    steps.stop();
    member.waitNoLonger();
  }

  /**
   * Helps as long as another member leads; for a member that never leads itself.
   *
   * @return how the audit ended that it helped with; null where there was none, or it did not end
   */
  public Audit.Result follow() {
    return result(pass().follow());
  }

  /**
   * Helps as long as another member leads.
   *
   * @return how the audit ended that it helped with, or that this member was stopped; null where
   *     this member is to lead one now
   * @throws UserError where the other member was started with other options
   */
  public Audit.Result help() {
    String helped = pass().help();
    return steps.isStopped() ? new Audit.Result(List.of(), true, List.of(), 0) : result(helped);
  }

  private PassHelp pass() {
    return new PassHelp(SharedStage.PASS, member, steps::isStopped, messages, this::help);
  }

  private Audit.Result result(String helped) {
    LedgerPlace place = LedgerPlace.shared(member, SharedStage.PASS);
    if (helped == null || !place.exists()) {
      return null;
    }
    try (Ledger ledger = Ledger.open(place)) {
      return ledger.id().equals(helped) ? SharedStage.parse(ledger.stage()).result() : null;
    }
  }

  private void help(Ledger ledger, String stage, SharedLedgers.Holder leader) {
    SharedStage shared = SharedStage.parse(stage);
    if (!clickHouse.id().equals(ledger.server())) {
      throw new UserError(
          leader + " audits another ClickHouse: use the same clickhouse.url on all machines");
    }
    if (!SharedStage.sqlOf(sql).equals(shared.sql())) {
      throw new UserError(
          "the laws of sql/audit.sql differ from those of the audit that "
              + leader
              + " leads: use the same version on all machines");
    }
    if (options != null && !options.equals(shared.options())) {
      throw new UserError(
          leader
              + " leads an audit with "
              + (shared.options().isEmpty() ? "no options" : shared.options())
              + ": use the same, `backfill join audit`, or wait until it ends");
    }
    if (shared.law() == null || shared.result() != null) {
      return;
    }
    SqlFile.Section section =
        sql.sections("law").stream()
            .filter(law -> LawCheck.name(law).equals(shared.law()))
            .findFirst()
            .orElseThrow();
    Map<String, Object> values = new HashMap<>(shared.values());
    values.putAll(SharedSlices.memory(steps));
    new SharedSlices(ledger, new LawCheck(clickHouse, sql), steps, messages)
        .each(
            section,
            values,
            () -> stage.equals(ledger.stage()),
            () -> progress.accept("audit: helping with " + shared.law()));
  }
}
