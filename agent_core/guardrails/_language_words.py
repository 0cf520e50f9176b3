"""Words that no sentence of some length goes without, by language: articles, pronouns, prepositions, auxiliaries, and what is
said on every call (thanks, pardon, numbers, "one moment")."""

from __future__ import annotations

_WORDS = {
    "en": "the and you your is are to of for it that with have can will this we our please at on be from what i'm i'll "
    "an as by not or but there here if how would do does help thank thanks it's don't i he she they me my his her their "
    "them was were has had been could should may when which who where why yes no okay hello one two three four five six "
    "seven eight nine ten pounds pound let me see any some all more than then so out up about into over you're you'll "
    "that's there's i've we've we'll isn't can't didn't won't",
    "de": "der die das und ich sie ist nicht ein eine einen einem einer mit für auf den dem des zu zum zur von vom wir ihre "
    "ihren ihrem ihr haben habe hat kann können könnten wird werden wurde bitte es im am auch noch aber wenn oder wie uns "
    "ihnen mir dir mich dich mein meine unser unsere kein keine sind bin war waren gern gerne danke tut leid drei vier "
    "fünf zwei tagen tage kommt nach bei bis schon nur dann hier jetzt heute morgen was wer wo warum welche dass",
    "fr": "le la les et vous votre vos est sont de des du une un pour que qui dans avec nous notre pas ne je il elle "
    "ce cette ces au aux sur peut peux pouvez être plus si ou où merci bonjour bien sûr mais mon ma mes suis ai avez avons "
    "sera été fait instant désolé désolée aujourd'hui demain hier oui non très tout j'ai c'est d'un d'une "
    "quel quelle comment quand",
    "es": "el la los las y usted su sus es son de del una un para que en con nosotros nuestro no por se lo puede "
    "pueden está están más si o como al le gracias hola claro siento mucho muy enseguida tiene tengo días cinco tres "
    "cuatro ser será ha han fue pero también mi mañana ayer hoy cuál cómo dónde cuando momento buenos buenas hay",
    "it": "il lo la gli le e lei suo sua è sono di del della dei una un per che in con noi nostro non si può possono più se "
    "o come al alla i nel nella mi dispiace grazie certo attimo prego buongiorno ha ho hanno domani oggi ieri anche ma "
    "questo questa quale quando dove c'è cinque tre quattro",
    "nl": "de het een en u uw is zijn van voor dat met wij onze niet ik je op aan te kan kunnen wordt worden ook nog "
    "maar als of hoe bij mij mijn spijt me natuurlijk ogenblik dank bedankt wel heeft heb hebben naar waar wat wie geen kunt deze "
    "dit uit graag alstublieft vandaag vijf drie",
    "pt": "o a os as e você seu sua é são de do da uma um para que em com nós nosso não por se pode podem está mais ou "
    "como ao à obrigado obrigada pela pelo desculpe sinto muito bom dia tem tenho foi será também mas hoje amanhã ontem "
    "cinco três momento",
    "pl": "i w na z do się nie jest są to że pan pani pana państwa przez dla po od za jak co już została został będzie może "
    "można proszę dziękuję przepraszam tak dzień dobry chwilę jestem mam ma pięć trzy jutro dzisiaj",
    "cs": "a v na je se že pro jsem jste není prosím děkuji moment chvíli vaše váš můžete máte dobrý den ano ale jak co "
    "omlouvám zítra dnes bude",
    "hr": "i u na nema je se da za ste nije možete molim hvala vaša vaš kako što ali trenutak dobar dan žao mi sutra danas bit "
    "će imate",
    "ro": "și în pe este se că pentru sunteți nu puteți vă rog mulțumesc dumneavoastră cum ce dar moment bună ziua îmi pare rău "
    "mâine astăzi va fi aveți",
    "fi": "ja on ei se että voit voitte teidän sinun kiitos olkaa hyvä hetki mutta kuinka mikä olen minä anteeksi huomenna "
    "tänään",
    "hu": "és a az semmi nem hogy van ön önnek kérem köszönöm egy pillanat hogyan mi de sajnálom holnap ma meg lesz vagyok",
    "da": "og at det er en et som på af for med den til ikke du dit din vi har kan om så jeg var tak hej undskyld øjeblik "
    "gerne i morgen fra bliver",
    "tr": "ve bir bu için ile de da ne mi mı değil var yok size sizin çok daha olarak olan oldu edildi lütfen yeni "
    "teşekkür teşekkürler ederim olayım yardımcı merhaba üzgünüm evet hayır bugün yarın dakika",
    "sv": "och att det är en ett som på av för med den till inte du ditt din vi har kan om så jag var tack hej tyvärr "
    "ursäkta ögonblick gärna från blir ert inga ingen ni mig dig öppna",
}
_ENGLISH_TOO = frozenset(  # what an English sentence, or a name in it, has as well
    [
        "die",
        "das",
        "den",
        "dem",
        "des",
        "war",
        "was",
        "bin",
        "hat",
        "gern",
        "tut",
        "will",
        "also",
        "not",
        "morgen",
        "bei",
        "mein",
        "pan",
        "non",
        "fait",
        "plus",
        "sera",
        "pour",
        "sur",
        "dans",
        "son",
        "mais",
        "mon",
        "les",
        "est",
        "son",
        "los",
        "las",
        "del",
        "sin",
        "mucho",
        "claro",
        "momento",
        "moment",
        "muy",
        "por",
        "ser",
        "mi",
        "ha",
        "ho",
        "ma",
        "per",
        "con",
        "come",
        "lei",
        "lo",
        "gli",
        "noi",
        "nel",
        "oggi",
        "het",
        "van",
        "dat",
        "met",
        "wel",
        "heb",
        "mij",
        "dit",
        "uit",
        "naar",
        "dank",
        "den",
        "men",
        "bom",
        "dia",
        "tem",
        "foi",
        "mas",
        "dan",
        "dobar",
        "rog",
        "bun",
        "fi",
        "ja",
        "se",
        "ei",
        "van",
        "egy",
        "meg",
        "lesz",
        "det",
        "som",
        "med",
        "har",
        "kan",
        "var",
        "kort",
        "tak",
        "din",
        "dit",
        "ett",
        "dig",
        "mig",
        "hej",
        "ne",
        "da",
        "var",
        "yok",
        "ile",
        "bir",
        "bu",
        "size",
        "via",
        "karta",
        "ano",
        "co",
        "bude",
        "who",
        "how",
        "instant",
        "bonjour",
        "gracias",
        "hola",
        "merci",
        "danke",
        "mama",
        "tack",
        "karte",
        "pay",
        "may",
    ]
)
PROFILES = {language: frozenset(text.split()) for language, text in _WORDS.items()}
SPOKEN_HERE = frozenset(
    ["en", "de", "fr", "es", "it", "nl", "pt", "pl", "tr", "sv"]
)  # of the others too few are known to speak them
TELLING = {  # by themselves, where a sentence has nothing of ours
    language: frozenset(word for word in words if (len(word) > 2 or not word.isascii()) and word not in _ENGLISH_TOO)
    for language, words in PROFILES.items()
}
