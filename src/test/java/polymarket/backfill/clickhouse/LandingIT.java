package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Share;

/** A ClickHouse that an earlier version of the program has made tables in. */
@Timeout(180)
class LandingIT {

  private static final String LANDING = "default.payouts_landing";

  @BeforeEach
  void empty() {
    TestBed.empty();
  }

  /** Makes what the version of 2026-11-21 made, whose statements lie among the test's resources. */
  private static void tablesOfThePreviousVersion() throws IOException {
    for (String name : List.of("tables", "mapping-tables", "markets", "fills")) {
      before(name);
    }
    for (String job : Job.names(TestBed.PROJECT)) {
      // that version did not have every job
      if (LandingIT.class.getResource("/tables-before/" + job + ".sql") != null) {
        before(job);
      }
    }
  }

  private static void before(String name) throws IOException {
    try (InputStream in = LandingIT.class.getResourceAsStream("/tables-before/" + name + ".sql")) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      new SqlFile(name, name + ".sql", text, false)
          .section("setup")
          .statements()
          .forEach(TestBed.clickHouse()::execute);
    }
  }

  private static void create() {
    Job.names(TestBed.PROJECT).forEach(job -> Views.create(TestBed.clickHouse(), job));
  }

  private static List<Map<String, Object>> mappings() {
    return TestBed.sql(
        "SELECT name, create_table_query FROM system.tables WHERE database = 'default' AND engine"
            + " IN ('Null', 'MaterializedView') ORDER BY name");
  }

  private static List<Map<String, Object>> columns() {
    return TestBed.sql(
        "SELECT table, name, type FROM system.columns WHERE database = 'default' AND table NOT"
            + " LIKE 'backfill%' ORDER BY table, name");
  }

  /** How the landing table was made, and the mark that a test has put on it. */
  private static String made() {
    return String.valueOf(
        TestBed.clickHouse()
            .value(
                "SELECT create_table_query FROM system.tables WHERE database = 'default' AND name ="
                    + " 'payouts_landing'"));
  }

  private static void mark() {
    TestBed.clickHouse().execute("ALTER TABLE " + LANDING + " COMMENT COLUMN id 'a mark'");
  }

  @Test
  void tablesOfThePreviousVersion_areMigrated() throws IOException {
    create();
    List<Map<String, Object>> mappings = mappings();
    List<Map<String, Object>> columns = columns();
    TestBed.empty();
    tablesOfThePreviousVersion();
    assertNotEquals(mappings, mappings());
    create();
    assertEquals(mappings, mappings());
    assertEquals(columns, columns());
  }

  @Test
  void aRunOverTablesOfThePreviousVersion_storesAsThisOneDoes() throws IOException {
    try (TestBed bed = TestBed.start()) {
      tablesOfThePreviousVersion();
      assertEquals(0, bed.run(bed.ids(50)).exitCode());
      bed.assertTruth(bed.ids(50));
    }
  }

  @Test
  void tablesOfThisVersion_areNotChanged() {
    Views.create(TestBed.clickHouse(), "payouts");
    mark();
    Views.create(TestBed.clickHouse(), "payouts");
    assertTrue(made().contains("a mark"), made());
  }

  @Test
  void anInterruptedMigration_isCompleted() {
    Views.create(TestBed.clickHouse(), "payouts");
    List<Map<String, Object>> mappings = mappings();
    for (String step :
        List.of(
            "DROP VIEW default.payouts_to_ingest",
            "DROP TABLE " + LANDING,
            "ALTER TABLE " + LANDING + " MODIFY COMMENT ''")) {
      TestBed.clickHouse().execute(step);
      assertNotEquals(mappings, mappings(), step);
      Views.create(TestBed.clickHouse(), "payouts");
      assertEquals(mappings, mappings(), step);
    }
  }

  @Test
  void aViewThatThisVersionNoLongerHas_isDropped() throws IOException {
    tablesOfThePreviousVersion();
    TestBed.clickHouse()
        .execute(
            "CREATE MATERIALIZED VIEW default.payouts_to_twice TO"
                + " default.resolutions_external_ingest AS SELECT id AS condition_id, batch FROM "
                + LANDING);
    create();
    assertFalse(mappings().toString().contains("payouts_to_twice"));
  }

  @Test
  void duringARun_itsTablesStay_andAnotherRunIsRefused() throws IOException {
    try (TestBed bed = TestBed.start()) {
      tablesOfThePreviousVersion();
      mark();
      String folder = JobLock.folder(Path.of("another"));
      try (JobLock other = JobLock.take(TestBed.clickHouse(), "payouts", 0, 1, folder, why -> {})) {
        Views.create(TestBed.clickHouse(), "payouts");
        assertTrue(made().contains("a mark"), made());
        UserError refused =
            assertThrows(UserError.class, () -> bed.run("payouts", new Share(2, 2), bed.ids(10)));
        assertTrue(refused.getMessage().contains("another version"), refused.getMessage());
      }
      assertEquals(0, bed.run(bed.ids(10)).exitCode());
      assertFalse(made().contains("a mark"), made());
    }
  }

  @Test
  void processesThatFindOldTablesTogether_migrateThemOnce() throws Exception {
    Views.create(TestBed.clickHouse(), "payouts");
    Views.create(TestBed.clickHouse(), "markets");
    List<Map<String, Object>> mappings = mappings();
    TestBed.empty();
    for (String name : List.of("tables", "mapping-tables", "payouts", "markets")) {
      before(name);
    }
    ExecutorService pool = Executors.newFixedThreadPool(3);
    try {
      for (Future<Object> start :
          pool.invokeAll(
              Collections.nCopies(
                  3,
                  () -> {
                    Views.create(TestBed.clickHouse(), "payouts");
                    Views.create(TestBed.clickHouse(), "markets");
                    return null;
                  }))) {
        start.get();
      }
    } finally {
      pool.shutdownNow();
    }
    assertEquals(mappings, mappings());
  }
}
