package polymarket.backfill.audit;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import polymarket.backfill.Messages;
import polymarket.backfill.Sha256;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.clickhouse.Steps;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.LedgerPlace;
import polymarket.backfill.ledger.Member;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.ledger.Window;
import polymarket.backfill.slices.PassHelp;
import polymarket.backfill.slices.SliceLedger;

/**
 * The audit that this member leads: its slices are in a ledger, where other members take some. One
 * that was interrupted goes on if the same was fetched and asked for; otherwise it begins anew.
 */
final class SharedAudit implements AutoCloseable {

  /** Of what the ledger keeps: another one begins anew. */
  private static final String VERSION = "1";

  private final Member member;
  private final Ledger ledger;
  private final SharedSlices slices;
  private final Consumer<String> progress;
  private final boolean goesOn;
  private SharedStage stage;

  private SharedAudit(
      Member member,
      Ledger ledger,
      SharedStage stage,
      boolean goesOn,
      SharedSlices slices,
      Consumer<String> progress) {
    this.member = member;
    this.ledger = ledger;
    this.stage = stage;
    this.goesOn = goesOn;
    this.slices = slices;
    this.progress = progress;
  }

  /** Opens the ledger of the audit that was interrupted, or makes it anew. */
  static SharedAudit lead(
      Audit.Sharing sharing,
      ClickHouse clickHouse,
      SqlFile sql,
      LawCheck lawCheck,
      Steps steps,
      Messages messages,
      Consumer<String> progress) {
    SharedStage first =
        new SharedStage(SharedStage.sqlOf(sql), sharing.options(), null, Map.of(), null);
    String key =
        Sha256.hex(
            VERSION
                + "\n"
                + first.sql()
                + "\n"
                + first.options()
                + "\n"
                + clickHouse.value(sql.section("state").sql(Map.of())),
            16);
    LedgerPlace place = LedgerPlace.shared(sharing.member(), SharedStage.PASS);
    boolean goesOn = place.exists() && goesOn(place, key, clickHouse);
    if (goesOn) {
      messages.info("going on with the audit that was interrupted: the same was fetched");
    } else {
      place.drop();
    }
    Ledger ledger =
        Ledger.open(
            place,
            new Ledger.Owner(SharedStage.PASS, key, "the chain", clickHouse.id()),
            false,
            Window.ALL);
    if (!goesOn) {
      PassHelp.stage(ledger, sharing.member(), first.text());
    }
    return new SharedAudit(
        sharing.member(),
        ledger,
        first,
        goesOn,
        new SharedSlices(ledger, lawCheck, steps, messages),
        progress);
  }

  /** Whether an audit was begun for the same, and its laws were begun, and did not end. */
  private static boolean goesOn(LedgerPlace place, String key, ClickHouse clickHouse) {
    try (Ledger ledger = Ledger.open(place)) {
      if (!clickHouse.id().equals(ledger.server()) || !key.equals(ledger.sourceKey())) {
        return false;
      }
      SharedStage stage = SharedStage.parse(ledger.stage());
      return stage != null && stage.law() != null && stage.result() == null;
    }
  }

  /** Whether what the laws read was computed before, and slices may be done already. */
  boolean goesOn() {
    return goesOn;
  }

  /** The audit's own id. */
  String id() {
    return ledger.id();
  }

  /**
   * Asks the database whether this member still leads.
   *
   * @throws polymarket.backfill.ledger.AwayException where it does not
   */
  void requireLead() {
    member.requireMember();
  }

  /**
   * Holds a law against slices, together with the members that help, and adds up what all found.
   *
   * @param values the placeholders of the law, without those of a slice
   * @param cut taken where the ledger has no slices of the law yet
   */
  void each(Law law, SqlFile.Section section, Map<String, Object> values, List<LawSlice> cut) {
    boolean begun = !of(law.name, State.FOUND, State.PENDING).isEmpty();
    // whoever takes over finds laws that are done, and pending slices of the one under way alone
    if (!begun || !of(law.name, State.PENDING).isEmpty()) {
      // first the law, then its slices: a member that is still at the law before must take none
      stage = stage.at(section, values);
      PassHelp.stage(ledger, member, stage.text());
      if (!begun) {
        ledger.load(loading -> cut.forEach(slice -> loading.add(SharedStage.id(law.name, slice))));
      }
      hold(law, section, values);
    }
    SliceLedger.done(ledger)
        .forEach(
            (id, text) -> {
              if (SharedStage.isOf(id, law.name)) {
                law.add(SharedStage.slice(id), SharedStage.found(text));
              }
            });
  }

  private void hold(Law law, SqlFile.Section section, Map<String, Object> values) {
    long before = ledger.counts(Share.WHOLE).get(State.FOUND) - of(law.name, State.FOUND).size();
    slices.each(
        section,
        values,
        () -> true,
        () -> {
          Map<State, Long> counts = ledger.counts(Share.WHOLE);
          long found = counts.get(State.FOUND) - before;
          progress.accept(
              "audit: "
                  + law.name
                  + ", "
                  + found
                  + " of "
                  + (found + counts.get(State.PENDING))
                  + " slices by all members");
        });
  }

  private List<String> of(String law, State... states) {
    return SliceLedger.ids(ledger, states).stream()
        .filter(id -> SharedStage.isOf(id, law))
        .toList();
  }

  /** Tells the members that help how it ended. */
  void ended(Audit.Result result) {
    PassHelp.stage(ledger, member, stage.ended(result).text());
  }

  @Override
  public void close() {
    ledger.close();
  }
}
