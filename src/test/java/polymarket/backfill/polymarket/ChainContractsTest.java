package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.UserError;

class ChainContractsTest {

  private static final String HOME = "backfill.home";
  private final String before = System.getProperty(HOME);

  @TempDir private Path home;

  @AfterEach
  void restore() {
    if (before == null) {
      System.clearProperty(HOME);
    } else {
      System.setProperty(HOME, before);
    }
  }

  private void own(String text) throws IOException {
    Files.createDirectories(home.resolve("polymarket"));
    Files.writeString(home.resolve("polymarket/chain-contracts.tsv"), text);
    System.setProperty(HOME, home.toString());
  }

  @Test
  void aPersonsOwnList_takesThePlaceOfTheProgramsAlsoInWhatIsAskedFor() throws IOException {
    own("# mine\ndataset\taddress\ttopic0\nfills\t0xaa\t0x01\nfills\t0xbb\t0x01\namm\tany\t0x02\n");
    ChainContracts contracts = ChainContracts.read();
    assertEquals(List.of("fills", "amm"), contracts.datasets());
    assertEquals(
        List.of(new ChainContracts.Filter(List.of("0xaa", "0xbb"), List.of("0x01"))),
        contracts.exact(List.of("fills")));
    assertEquals(
        List.of(new ChainContracts.Filter(List.of(), List.of("0x02"))),
        contracts.wide(List.of("amm")));
    assertThrows(UserError.class, () -> contracts.exact(List.of("transfers")), "would be absent");
  }

  @Test
  void aLineWithoutAColumn_isNamed() throws IOException {
    own("dataset\taddress\ttopic0\nfills\t0xaa\n");
    String said = assertThrows(UserError.class, ChainContracts::read).getMessage();
    assertTrue(said.contains("line 2: the column topic0 is missing"), said);
  }
}
