package polymarket.backfill.ledger;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;

/** The members that a test starts, and the PostgreSQL server of its class, whose end ends them. */
public final class Members implements BeforeAllCallback, AfterAllCallback, AfterEachCallback {

  private final List<Program> started = new ArrayList<>();
  private Postgres postgres;

  @Override
  public void beforeAll(ExtensionContext context) {
    postgres = Postgres.start();
  }

  @Override
  public void afterEach(ExtensionContext context) {
    started.forEach(Program::close);
    started.clear();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    postgres.close();
  }

  /** A new shared ledger. */
  public SharedLedgers database() {
    return postgres.database();
  }

  /** Those that were started, in their order. */
  public List<Program> started() {
    return List.copyOf(started);
  }

  /** Starts the program as one more member, with a folder of its own. */
  public Program start(TestBed bed, String... command) {
    return start(bed, List.of(), command);
  }

  /**
   * @param options of its JVM
   */
  public Program start(TestBed bed, List<String> options, String... command) {
    Program member = Program.startMember(bed, started.size() + 1, options, command);
    started.add(member);
    return member;
  }
}
