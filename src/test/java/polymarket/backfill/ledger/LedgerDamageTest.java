package polymarket.backfill.ledger;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.UserError;

/** Whatever is wrong with a ledger: one line, and the file stays as it was. */
class LedgerDamageTest {

  private static final Ledger.Owner OWNER =
      new Ledger.Owner("payouts", "abc", "api.example", "server-1");

  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void aLedgerOfTwoThousandIds() {
    file = folder.resolve("payouts.ledger");
    try (Ledger ledger = Ledger.open(file, OWNER, false)) {
      ledger.load(
          loading ->
              IntStream.range(0, 2000).forEach(i -> loading.add(String.format("%064x", i * 31L))));
      BatchWork batch = new BatchWork(ledger.claim("", Mode.NEW, Share.WHOLE, 500, 1).get(0));
      batch.getIds().forEach(id -> batch.outcomes().put(id, Outcome.found(1)));
      ledger.complete(batch, List.of(), Share.WHOLE);
    }
  }

  private String refused(Ledger.Owner owner) throws IOException {
    byte[] before = Files.readAllBytes(file);
    UserError error = assertThrows(UserError.class, () -> Ledger.open(file, owner, false).close());
    assertEquals(1, error.getMessage().lines().count(), error.getMessage());
    assertTrue(error.getMessage().contains(file.toString()), error.getMessage());
    assertArrayEquals(before, Files.readAllBytes(file), "the file was changed");
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(
          List.of("payouts.ledger"),
          files.map(path -> path.getFileName().toString()).sorted().toList());
    }
    return error.getMessage();
  }

  @Test
  void truncated_isRefused() throws IOException {
    byte[] whole = Files.readAllBytes(file);
    for (double part : new double[] {0.9, 0.5, 0.1}) {
      Files.write(file, Arrays.copyOf(whole, (int) (whole.length * part)));
      assertTrue(refused(OWNER).contains("cannot be used"));
    }
    Files.write(file, Arrays.copyOf(whole, 50));
    refused(OWNER);
  }

  @Test
  void garbageInTheMiddle_isRefused() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    Random random = new Random(3);
    for (int i = bytes.length / 3; i < bytes.length * 2 / 3; i++) {
      bytes[i] = (byte) random.nextInt();
    }
    Files.write(file, bytes);
    assertTrue(refused(OWNER).contains("cannot be used"));
  }

  @Test
  void garbageAltogether_isRefused() throws IOException {
    byte[] bytes = new byte[50_000];
    new Random(4).nextBytes(bytes);
    Files.write(file, bytes);
    assertTrue(refused(OWNER).contains("cannot be used"));
  }

  @Test
  void inAFolderThatMayNotBeWritten_itIsRead_andForARunItSaysSo() throws IOException {
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("r-xr-xr-x"));
    try {
      Assumptions.assumeFalse(Files.isWritable(folder), "this user may write everywhere");
      try (Ledger ledger = Ledger.open(file)) {
        assertEquals(500, ledger.counts(Share.WHOLE).get(State.FOUND));
      }
      assertTrue(refused(OWNER).contains("may not write in " + folder));
    } finally {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  @Test
  void text_isRefused() throws IOException {
    Files.writeString(file, "0xabc\n".repeat(1000));
    assertTrue(refused(OWNER).contains("cannot be used"));
  }

  @Test
  void empty_isRefused_andNotStartedAfresh() throws IOException {
    Files.write(file, new byte[0]);
    assertTrue(refused(OWNER).contains("empty"));
  }

  @Test
  void anotherProgramsDatabase_isRefused() throws Exception {
    Files.delete(file);
    try (Connection other = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = other.createStatement()) {
      statement.execute("CREATE TABLE meta(key TEXT, value TEXT)");
      statement.execute("INSERT INTO meta VALUES('job', 'payouts')");
    }
    assertTrue(refused(OWNER).contains("it is not a ledger file"));
  }

  @Test
  void aNewerProgramsLedger_isRefused() throws Exception {
    try (Connection other = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = other.createStatement()) {
      statement.execute("PRAGMA user_version = 99");
    }
    assertTrue(refused(OWNER).contains("version is 99"));
  }

  @Test
  void anotherJobs_isRefused() throws IOException {
    String message = refused(new Ledger.Owner("activity", "abc", "api.example", "server-1"));
    assertTrue(message.contains("'payouts'") && message.contains("'activity'"), message);
  }

  @Test
  void anotherSources_isRefused() throws IOException {
    String message = refused(new Ledger.Owner("payouts", "xyz", "other.example", "server-1"));
    assertTrue(message.contains("api.example") && message.contains("other.example"), message);
  }

  @Test
  void anotherPathOfTheSameHost_isSaidSo_withTheSetting() throws IOException {
    String message =
        refused(new Ledger.Owner("payouts", "xyz", "api.example", "goldsky.url", "server-1"));
    assertTrue(
        message.contains("(another port, path or key at api.example)")
            && message.contains("Set goldsky.url back"),
        message);
  }

  @Test
  void anotherClickHouses_isRefused() throws IOException {
    assertTrue(
        refused(new Ledger.Owner("payouts", "abc", "api.example", "server-2"))
            .contains("another ClickHouse"));
  }

  @Test
  void setAside_worksOnADamagedOneToo() throws IOException {
    Files.writeString(file, "damaged");
    Path copy = Path.of(Ledger.setAside(file));
    assertEquals("damaged", Files.readString(copy));
  }
}
