package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class UniverseTest {
  private static final Universe UNIVERSE =
      new Universe(new SandboxOptions().conditions(3000).wallets(400));

  @Test
  void walletsAndMarkets_agreeAboutEachOther() {
    Wallets wallets = UNIVERSE.wallets;
    long places = 0;
    for (int w = 0; w < wallets.count(); w++) {
      int[] markets = wallets.markets(w);
      places += markets.length;
      assertEquals(
          markets.length,
          Arrays.stream(markets).distinct().count(),
          "a wallet meets a market once");
      assertEquals(w, wallets.of(wallets.address(w)));
    }
    long found = 0;
    for (int i = 0; i < UNIVERSE.size; i++) {
      int[] traders = wallets.traders(i);
      found += traders.length;
      assertTrue(traders.length >= 3);
      for (int w : traders) {
        int market = i;
        assertTrue(Arrays.stream(wallets.markets(w)).anyMatch(m -> m == market));
      }
    }
    assertEquals(places, found);
  }

  @Test
  void nobodySellsMoreThanTheyHold() {
    for (int i = 0; i < UNIVERSE.size; i += 7) {
      Market market = UNIVERSE.market(i);
      for (int wallet : market.trades == 0 ? new int[0] : market.traders()) {
        for (Market.Holding holding : market.holdings(wallet)) {
          assertTrue(holding == null || holding.net() >= 0);
        }
      }
    }
  }

  @Test
  void tradesAreOrderedByTime_andTheirHashesByPlace() {
    Market market = UNIVERSE.market((int) (UNIVERSE.size * 0.6));
    assertTrue(market.trades > 1000);
    Set<String> hashes = new HashSet<>();
    String last = "";
    for (int place = 0; place < market.trades; place++) {
      String hash = market.transaction(market.byHash(place));
      assertTrue(hash.compareTo(last) > 0);
      assertTrue(hashes.add(hash));
      boolean[] bad = new boolean[1];
      int from = market.placeFrom(Mix.parseHex(hash, 0, 16, bad));
      assertTrue(from <= place && place - from <= 1, from + " for " + place);
      last = hash;
    }
    int tied = 0;
    for (int j = 1; j < market.trades; j++) {
      assertTrue(market.time(j) >= market.time(j - 1));
      tied += market.time(j) == market.time(j - 1) ? 1 : 0;
    }
    assertTrue(tied > market.trades / 2, "timestamps tie");
    assertEquals(market.trades, market.tradesUntil(UNIVERSE.now));
  }

  @Test
  void marketsAreMixedAsPlanned() {
    int closed = 0;
    int silent = 0;
    int young = 0;
    int many = 0;
    for (int i = 0; i < UNIVERSE.size; i++) {
      closed += UNIVERSE.closed(i) ? 1 : 0;
      silent += UNIVERSE.trades(i) == 0 ? 1 : 0;
      young += UNIVERSE.created(i) > Universe.FREEZE ? 1 : 0;
      many += UNIVERSE.outcomes(i) > 2 ? 1 : 0;
      assertEquals(i, UNIVERSE.marketOf(UNIVERSE.conditionId(i)));
    }
    assertTrue(closed > 2700 && closed < 3000, "closed " + closed);
    assertTrue(silent > 150 && silent < 300, "without trades " + silent);
    assertTrue(young > 300 && young < 380, "since the freeze " + young);
    assertTrue(many > 10, "with more than two outcomes " + many);
  }

  @Test
  void tokensLeadBackToTheirMarket() {
    for (int i = 0; i < UNIVERSE.size; i += 50) {
      Market market = UNIVERSE.market(i);
      for (int o = 0; o < market.outcomes; o++) {
        assertEquals(i << 3 | o, UNIVERSE.tokens.owner(market.token(o)));
      }
    }
    for (String none : List.of("0", "x", "-1", "12345", "1".repeat(90))) {
      assertEquals(-1, UNIVERSE.tokens.owner(none));
    }
  }
}
